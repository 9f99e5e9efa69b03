// Archives that go together, or with tables, by their members of identifiers, origins and parts; and what single precision
// loses of features.
#include <algorithm>
#include <cstring>

#include "features/data/npy.h"
#include "features/data/rounding.h"
#include "features/samples/joining.h"
#include "joining_fixture.h"

namespace blindtuner {
namespace {

TEST_F(Joining, ArchivesByTheirIdentifiers) {
  const FeatureMatrix x = FeatureMatrix::Random(4, 2);
  using Bytes = std::vector<std::uint8_t>;
  const auto load = [&](const std::map<std::string, Bytes>& keys, const std::string& labels,
                        bool skip = false, const std::vector<std::string>& drop = {}) {
    std::map<std::string, Bytes> members = keys;
    members["features"] = npy_bytes(x);
    write_npz(folder_ / "x.npz", members);
    put_file(folder_ / "y.csv", labels);
    DataSource source;
    source.features = folder_ / "x.npz";
    source.labels = folder_ / "y.csv";
    source.columns.skip_missing = skip;
    source.columns.drop = drop;
    reading_ = {};
    return load_dataset(source, &reading_).labels;
  };
  using Words = std::vector<std::string>;
  const Bytes names = npy_bytes(Words{"pa", "pb", "pc", "pd"});
  const Labels want = {0, 1, 2, 0}, by_place = {0, 2, 0, 1};
  const std::string labels = "id,label\npd,0\npc,2\npa,0\npb,1\n";
  for (const char* member : {"ids", "names", "ID", "sample_ids", "ids_train"}) {
    EXPECT_EQ(load({{member, names}}, labels), want) << member;
    EXPECT_TRUE(said("labels go to samples by column 1 ('id'), as member '")) << member;
    EXPECT_EQ(reading_.details["joined_by"], "id");
  }
  // Texts under whatever name; numbers under an identifier's, or an index that does not count.
  EXPECT_EQ(load({{"ids", names}}, "code,label\npd,0\npc,2\npa,0\npb,1\n"), want);
  const Bytes numbers = npy_bytes(Labels{0, 1, 2, 3});
  EXPECT_EQ(load({{"ids", numbers}}, "id,label\n3,0\n2,2\n0,0\n1,1\n"), want);
  EXPECT_EQ(load({{"index", numbers}}, ",label\n3,0\n2,2\n0,0\n1,1\n"), want);
  EXPECT_EQ(load({{"ids", npy_bytes(Labels{2, 3, 1, 0})}}, ",label\n0,0\n1,2\n2,0\n3,1\n"),
            by_place);
  ASSERT_EQ(reading_.warnings.size(), 1u);
  EXPECT_NE(reading_.warnings[0].find("rows go together by their places"), std::string::npos);
  // Files, with folders and endings or without.
  const Bytes files = npy_bytes(Words{"a/1.png", "b/2.png", "b/3.png", "a/4.png"});
  for (const char* image :
       {"image,label\n4.png,0\n3.png,2\n1.png,0\n2.png,1\n", "image_id,label\n4,0\n3,2\n1,0\n2,1\n",
        "f,label\nx\\4.jpg,0\nx\\3.jpg,2\nx\\1.jpg,0\nx\\2.jpg,1\n"}) {
    EXPECT_EQ(load({{"names", files}}, image), want) << image;
    EXPECT_TRUE(said("but for folders"));
  }
  EXPECT_EQ(load({}, labels), by_place);
  EXPECT_TRUE(said("rows go together by their places, not by column 1 ('id')"));
  // Of one name and others, all or half of them: as of tables.
  const Bytes other = npy_bytes(Words{"s", "t", "u", "v"});
  expect_data_error(
      [&] {
        load({{"ids", other}}, labels);
      },
      "member 'ids' of '" + (folder_ / "x.npz").string() + "' and column 1 ('id') of '" +
          (folder_ / "y.csv").string() +
          "' hold other values, as of other samples (the first are 's' and 'pd'); --drop-columns");
  expect_data_error(
      [&] {
        load({{"ids", npy_bytes(Words{"p", "p", "q", "r"})}}, labels);
      },
      "are not the same and do not tell rows apart");
  EXPECT_EQ(load({{"ids", other}}, labels, false, {"id"}), by_place);
  // Of other names: they may be of other things.
  EXPECT_EQ(load({{"names", other}}, labels), by_place);
  ASSERT_EQ(reading_.warnings.size(), 1u);
  EXPECT_NE(reading_.warnings[0].find("hold other values: rows go together by their places"),
            std::string::npos);
  expect_data_error(
      [&] {
        load({{"ids", names}}, "id,label\npd,0\npx,2\npa,0\npb,1\n");
      },
      "y.csv': no row with 'pc' in column 1 ('id'), which member 'ids' of ");
  const std::string more = labels + "pe,1\n";
  expect_data_error([&] { load({{"ids", names}}, more); }, "x.npz': no row with 'pe' in member");
  EXPECT_EQ(load({{"ids", names}}, more, true), want);
}

/// An array of `rows` elements of that type, of these bytes.
std::vector<std::uint8_t> array_of(const std::string& descr, const std::string& shape,
                                   const std::vector<std::uint8_t>& elements) {
  std::string head = "{'descr': " + descr + ", 'fortran_order': False, 'shape': (" + shape + "), }";
  std::vector<std::uint8_t> out = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
  out.push_back(static_cast<std::uint8_t>(head.size()));
  out.push_back(0);
  out.insert(out.end(), head.begin(), head.end());
  out.insert(out.end(), elements.begin(), elements.end());
  return out;
}

template <typename T>
std::vector<std::uint8_t> bytes_of(const std::vector<T>& values) {
  std::vector<std::uint8_t> out(values.size() * sizeof(T));
  std::memcpy(out.data(), values.data(), out.size());
  return out;
}

TEST_F(Joining, ArchivesOfWholeNumbersOf64Bits) {
  // Neighbours that double precision makes one number.
  const std::int64_t odd = (std::int64_t{1} << 61) + 1;
  const auto ids = [&](std::vector<std::int64_t> of) {
    return array_of("'<i8'", std::to_string(of.size()) + ",", bytes_of(of));
  };
  write_npz(folder_ / "x.npz", {{"features", npy_bytes(FeatureMatrix(FeatureMatrix::Random(3, 2)))},
                                {"ids", ids({odd, odd + 1, -odd})}});
  DataSource source;
  source.features = folder_ / "x.npz";
  source.labels = folder_ / "y.npz";
  write_npz(source.labels,
            {{"labels", npy_bytes(Labels{0, 1, 2})}, {"ids", ids({odd + 1, -odd, odd})}});
  EXPECT_EQ(load_dataset(source).labels, (Labels{2, 0, 1}));
  // A table's are the same ones.
  source.labels = folder_ / "y.csv";
  put_file(source.labels, "id,label\n" + std::to_string(odd + 1) + ",0\n" + std::to_string(-odd) +
                              ",1\n" + std::to_string(odd) + ",2\n");
  EXPECT_EQ(load_dataset(source).labels, (Labels{2, 0, 1}));
  // Without a sign.
  const std::vector<std::uint64_t> large = {~std::uint64_t{0}, ~std::uint64_t{0} - 1, 5};
  EXPECT_EQ(npy_to_keys(array_of("'<u8'", "3,", bytes_of(large)), "a"),
            (std::vector<std::string>{"18446744073709551615", "18446744073709551614", "5"}));
  // Where floats leave some out, another may have been meant.
  EXPECT_EQ(npy_to_keys(array_of("'<f4'", "1,", bytes_of(std::vector<float>{16777215})), "a")[0],
            "16777215");
  expect_data_error(
      [] { npy_to_keys(array_of("'<f4'", "1,", bytes_of(std::vector<float>{16777216})), "a"); },
      "of floats of 32 bits one below 2^24");
  // What an error shows is what the file holds.
  expect_data_error([&] { npy_to_label_words(ids({odd}), "a"); },
                    "is " + std::to_string(odd) + ", expected a class");
}

TEST_F(Joining, IdentifiersThatCannotBeRead) {
  using Bytes = std::vector<std::uint8_t>;
  using Members = std::map<std::string, Bytes>;
  const auto load = [&](Members features, const Members& labels,
                        std::vector<NamedColumn>* identifiers = nullptr) {
    features["features"] = npy_bytes(FeatureMatrix(FeatureMatrix::Random(3, 2)));
    write_npz(folder_ / "x.npz", features);
    DataSource source;
    source.features = folder_ / "x.npz";
    if (!labels.empty()) {
      source.labels = folder_ / "y.npz";
      write_npz(source.labels, labels);
    }
    reading_ = {};
    return load_dataset(source, &reading_, identifiers).labels;
  };
  const Bytes y = npy_bytes(Labels{0, 1, 2}),
              text = npy_bytes(std::vector<std::string>{"p", "q", "r"}),
              moved = npy_bytes(std::vector<std::string>{"r", "p", "q"});
  const std::vector<std::pair<std::string, Bytes>> unreadable = {
      {"objects",
       array_of("'|O'", "3,", bytes_of(std::vector<char>{'p', 'i', 'c', 'k', 'l', 'e'}))},
      {"one NaN", array_of("'<f8'", "3,", bytes_of(std::vector<double>{0, 1, NAN}))},
      {"2^53", array_of("'<f8'", "3,", bytes_of(std::vector<double>{0, 1, 0x1p53}))},
      {"dates", array_of("'<M8[D]'", "3,", bytes_of(std::vector<std::int64_t>{0, 1, 2}))},
      {"structures", array_of("[('a', '<i4'), ('b', '<i4', (1,))]", "3,",
                              bytes_of(std::vector<std::int64_t>{0, 1, 2}))},
      {"no UTF-8", array_of("'|S1'", "3,", {'p', 0xff, 'q'})}};
  for (const auto& [what, ids] : unreadable) {
    // On either side, on both, and beside a table.
    for (const auto& [own, others] : {std::pair{ids, ids}, {ids, moved}, {text, ids}}) {
      const auto of = [&, &own = own, &others = others] {
        load({{"ids", own}}, {{"labels", y}, {"ids", others}});
      };
      const std::string error = data_error(of);
      EXPECT_NE(error.find("member 'ids'"), std::string::npos) << what << error;
      EXPECT_NE(error.find("ids=numpy.asarray(ids, dtype=str)"), std::string::npos) << error;
    }
    // Another identifier tells it.
    EXPECT_EQ(
        load({{"ids", ids}, {"names", text}}, {{"labels", y}, {"ids", ids}, {"names", moved}}),
        (Labels{1, 2, 0}))
        << what;
    // The other file has none that it could go by.
    EXPECT_EQ(load({{"ids", ids}}, {{"labels", y}}), (Labels{0, 1, 2}));
    ASSERT_EQ(reading_.warnings.size(), 1u) << what;
    EXPECT_NE(reading_.warnings[0].find("called as identifiers are, and is not used"),
              std::string::npos);
    // Kept for scores, which labels go to: they are told from none.
    std::vector<NamedColumn> identifiers;
    load({{"ids", ids}, {"labels", y}}, {}, &identifiers);
    ASSERT_EQ(identifiers.size(), 1u) << what;
    const std::vector<NamedColumn> of_scores = {{"id", "'id'", {"p", "q", "r"}}};
    expect_data_error(
        [&] {
          join_rows({"s.npz", "x.npz", of_scores, identifiers}, reading_);
        },
        "member 'ids'");
    DataSource source;
    source.features = folder_ / "x.npz";
    reading_ = {};
    load_features(source, &reading_, &identifiers);
    EXPECT_TRUE(identifiers.empty()) << what;
    EXPECT_EQ(reading_.warnings.size(), 1u) << what;
  }
  // Of other rows, or several a row: they are no identifiers of these.
  for (const char* shape : {"2,", "3, 2", ""})
    EXPECT_EQ(load({{"ids", array_of("'|O'", shape, {})}}, {{"labels", y}, {"ids", moved}}),
              (Labels{0, 1, 2}))
        << shape;
}

/// Three samples of features and of labels, and identifiers of either, those of the labels in another order.
class JoiningArchives : public Joining {
 protected:
  using Bytes = std::vector<std::uint8_t>;
  using Members = std::map<std::string, Bytes>;

  JoiningArchives() {
    source.features = folder_ / "x.npz";
    source.labels = folder_ / "y.npz";
  }
  Labels load(const Members& features, const Members& labels) {
    write_npz(source.features, features);
    write_npz(source.labels, labels);
    reading_ = {};
    return load_dataset(source, &reading_).labels;
  }

  const Bytes x = npy_bytes(FeatureMatrix(FeatureMatrix::Random(3, 2))),
              y = npy_bytes(Labels{0, 1, 2}),
              ids = npy_bytes(std::vector<std::string>{"p", "q", "r"}),
              moved = npy_bytes(std::vector<std::string>{"r", "p", "q"});
  const Labels by_place = {0, 1, 2}, joined = {1, 2, 0};
  DataSource source;
};

TEST_F(JoiningArchives, IdentifiersOfAnotherPartOfAnArchive) {
  source.members = {"x_train", "y_train"};
  for (const char* name : {"ids_test", "test_ids", "Names-Test", "id_dev", "path_te"}) {
    EXPECT_EQ(load({{"x_train", x}, {"x_test", x}, {name, ids}}, {{"y_train", y}, {name, moved}}),
              by_place)
        << name;
    EXPECT_FALSE(reading_.details.contains("joined_by")) << name;
    // Nor are they kept for scores.
    std::vector<NamedColumn> kept;
    load_features(source, &reading_, &kept);
    EXPECT_TRUE(kept.empty()) << name;
  }
  for (const char* name : {"ids_train", "Train-IDs", "id_training", "path_tr"})
    EXPECT_EQ(load({{"x_train", x}, {"x_test", x}, {"ids_test", moved}, {name, ids}},
                   {{"y_train", y}, {"ids_test", ids}, {name, moved}}),
              joined)
        << name;
  // A table's, as of the test.
  put_file(folder_ / "y.csv", "id,label\nr,0\np,1\nq,2\n");
  load({{"x_train", x}, {"x_test", x}, {"ids_test", ids}}, {{"y_train", y}});
  source.labels = folder_ / "y.csv";
  source.members.labels.clear();
  EXPECT_EQ(load_dataset(source, &reading_).labels, by_place);
  EXPECT_TRUE(said("has no identifiers that it could go by"));
  source.labels = folder_ / "y.npz";
  // Spelled otherwise, and of no part.
  source.members = {"xtrain", "ytrain"};
  EXPECT_EQ(
      load({{"xtrain", x}, {"xtest", x}, {"ids_test", ids}}, {{"ytrain", y}, {"ids_test", moved}}),
      by_place);
  source.members = {"x", "y"};
  EXPECT_EQ(load({{"x", x}, {"x_test", x}, {"ids_test", ids}},
                 {{"y", y}, {"y_test", y}, {"ids_test", moved}}),
            by_place);
  EXPECT_EQ(
      load({{"x", x}, {"x_test", x}, {"ids", ids}}, {{"y", y}, {"y_test", y}, {"ids", moved}}),
      joined);
  EXPECT_EQ(load({{"x", x}, {"ids_train", ids}}, {{"y", y}, {"ids_train", moved}}), joined);
  // It may be a number of a test of another kind.
  expect_data_error(
      [&] {
        load({{"x", x}, {"test_id", ids}}, {{"y", y}, {"test_id", moved}});
      },
      "member 'test_id': its name does not tell whether it is of these samples; call it 'id'");
  // One set's, or of several nobody knows which one's.
  source.members = {"x_train", "y_train"};
  EXPECT_EQ(load({{"x_train", x}, {"ids", ids}}, {{"y_train", y}, {"ids", moved}}), joined);
  expect_data_error(
      [&] {
        load({{"x_train", x}, {"x_test", x}, {"ids", ids}}, {{"y_train", y}, {"ids", moved}});
      },
      "member 'ids': its name does not tell whether it is of these samples; call it 'train_ids'");
  EXPECT_EQ(load({{"x_train", x}, {"x_test", x}, {"ids", ids}}, {{"y_train", y}}), by_place);
  ASSERT_EQ(reading_.warnings.size(), 1u);
  EXPECT_NE(reading_.warnings[0].find("and is not used"), std::string::npos);
}

TEST_F(JoiningArchives, PartsThatAreGluedToMembersNames) {
  const auto are = [&](const char* train_x, const char* train_y, const char* test_x) {
    return [&, train_x, train_y, test_x](const char* name) {
      source.members = {train_x, train_y};
      return load({{train_x, x}, {test_x, x}, {name, ids}}, {{train_y, y}, {name, moved}});
    };
  };
  const auto glued = are("xtrain", "ytrain", "xtest"), capitals = are("XTrain", "YTrain", "XTest"),
             before = are("trainX", "trainY", "testX"),
             divided = are("x-train", "y.train", "x test"),
             shouted = are("XTRAIN", "YTRAIN", "XTEST");
  for (const auto& load_of : {std::cref(glued), std::cref(capitals)})
    for (const char* name :
         {"idstrain", "IDTrain", "trainIDs", "trainids", "TrainNames", "namestrain",
          "PatientIDTrain", "patientidtrain", "IDSTRAIN", "ids_train", "trID"})
      EXPECT_EQ(load_of(name), joined) << name;
  for (const char* name :
       {"idstrain", "IDTrain", "trainIDs", "imageNamesTrain", "train.accession"}) {
    EXPECT_EQ(before(name), joined) << name;
    EXPECT_EQ(divided(name), joined) << name;
    EXPECT_EQ(shouted(name), joined) << name;
  }
  EXPECT_TRUE(said("y.npz': labels go to samples by member 'train.accession', as member "));
  // Another part's.
  for (const char* name :
       {"idstest", "IDTest", "testIDs", "idsval", "validationnames", "xids_test"})
    EXPECT_EQ(glued(name), by_place) << name;
  // Words that only begin or end like that are of no part: whose they are cannot be told.
  for (const char* name : {"device_id", "trial_id", "trainer_id", "treatment_id", "tree_id"})
    expect_data_error([&] { glued(name); },
                      "its name does not tell whether it is of these samples");
  for (const char* name : {"strain", "latest", "contrast", "note", "valid", "site", "trainer"}) {
    EXPECT_EQ(glued(name), by_place) << name;
    EXPECT_TRUE(said(std::string("x.npz': not used: ") + name)) << name;
    EXPECT_TRUE(said(std::string("y.npz': not used: ") + name)) << name;
  }
  // Nor do they make an archive one of several parts.
  source.members = {"x_train", "y_train"};
  for (const char* name : {"std_dev", "maxVal", "bestTest"})
    EXPECT_EQ(load({{"x_train", x}, {"ids", ids}, {name, x}}, {{"y_train", y}, {"ids", moved}}),
              joined)
        << name;
}

TEST_F(JoiningArchives, MembersOfAnyNameByTheirTexts) {
  const Bytes numbers = npy_bytes(Labels{7, 8, 9}),
              twice = npy_bytes(std::vector<std::string>{"p", "p", "r"});
  const auto load = [&](Members features, Members labels) {
    features["features"] = x;
    labels["labels"] = y;
    return JoiningArchives::load(features, labels);
  };
  for (const char* name : {"imageNames", "accession", "case"}) {
    EXPECT_EQ(load({{name, ids}}, {{name, moved}}), joined) << name;
    EXPECT_FALSE(said("not used")) << name;
    EXPECT_EQ(load({{name, ids}}, {{"ids", moved}}), joined) << name;
  }
  // Beside those that rows go together by, and where they do not.
  EXPECT_EQ(load({{"accession", ids}, {"ids", ids}}, {{"ids", moved}, {"weights", numbers}}),
            joined);
  EXPECT_TRUE(said("x.npz': not used: accession"));
  EXPECT_TRUE(said("y.npz': not used: weights"));
  EXPECT_EQ(reading_.details["unused_members"], nlohmann::json({"weights", "accession"}));
  EXPECT_EQ(load({{"labels", y}}, {{"accession", moved}, {"features", x}}), by_place);
  EXPECT_TRUE(said("x.npz': not used: labels"));
  EXPECT_TRUE(said("y.npz': not used: accession, features"));
  EXPECT_TRUE(said("rows go together by their places, not by member 'accession'"));
  expect_data_error(
      [&] {
        load({{"ids", ids}}, {{"ids", npy_bytes(std::vector<std::string>{"s", "t", "u"})}});
      },
      "hold other values, as of other samples (the first are 'p' and 's'); without these members "
      "rows go together by their places");
  // Numbers may be anything, texts that come again are nobody's, and sentences.
  for (const auto& [own, others] : {std::pair{numbers, numbers}, {twice, twice}}) {
    EXPECT_EQ(load({{"accession", own}}, {{"accession", others}}), by_place);
    EXPECT_TRUE(said("x.npz': not used: accession"));
    EXPECT_TRUE(said("y.npz': not used: accession"));
  }
  EXPECT_EQ(load({{"text", ids}}, {{"text", moved}}), by_place);
  // What is called as identifiers are, and is of other rows.
  load({{"ids", npy_bytes(Labels{1, 2})}}, {{"names", npy_bytes(Labels{1, 2})}});
  EXPECT_TRUE(said("x.npz': not used: ids"));
  EXPECT_TRUE(said("y.npz': not used: names"));
  // In one archive each has its own.
  source.labels = source.features;
  write_npz(source.features, {{"features", x}, {"labels", y}, {"more", x}});
  reading_ = {};
  EXPECT_EQ(load_dataset(source, &reading_).labels, by_place);
  EXPECT_TRUE(said("not used: more"));
  EXPECT_FALSE(said("not used: labels") || said("not used: features"));
}

// Whose rows are, of files of either kind, and whether samples are to be grouped or not.

TEST_F(Joining, OriginsOfArchivesAsOfTables) {
  const Labels y = {0, 1, 2}, numbers = {41, 97, 55}, moved = {55, 41, 97}, joined = {1, 2, 0};
  const FeatureMatrix x = FeatureMatrix::Random(3, 2);
  DataSource source;
  const auto load = [&](const std::string& name, bool archive_of_features, bool archive_of_labels) {
    source.features = folder_ / (archive_of_features ? "x.npz" : "x.csv");
    source.labels = folder_ / (archive_of_labels ? "y.npz" : "y.csv");
    write_npz(folder_ / "x.npz", {{"features", npy_bytes(x)}, {name, npy_bytes(numbers)}});
    write_npz(folder_ / "y.npz", {{"labels", npy_bytes(y)}, {name, npy_bytes(moved)}});
    put_file(folder_ / "x.csv", name + ",a,b\n41,0.5,1\n97,1.5,2.5\n55,2.25,3\n");
    put_file(folder_ / "y.csv", name + ",label\n55,0\n41,1\n97,2\n");
    reading_ = {};
    return load_dataset(source, &reading_).labels;
  };
  for (const char* group : {"", "none"}) {
    source.columns.group = group;
    for (const char* name :
         {"subject", "case", "participant", "donor", "lesion", "user_number", "groups", "family"})
      for (const int archives : {0, 1, 2, 3}) {
        EXPECT_EQ(load(name, archives & 1, archives & 2), joined) << name << archives << group;
        EXPECT_TRUE(said("labels go to samples by")) << name << archives;
        EXPECT_FALSE(said("not used")) << name << archives;
      }
  }
  // Others are used where groups are chosen to be of them, or said.
  EXPECT_EQ(load("ward", true, true), y);
  EXPECT_TRUE(said("x.npz': not used: ward"));
  EXPECT_TRUE(said("y.npz': not used: ward"));
  source.columns = {.known_group = "ward"};
  for (const int archives : {1, 2, 3}) {
    EXPECT_EQ(load("ward", archives & 1, archives & 2), joined) << archives;
    EXPECT_FALSE(said("not used")) << archives;
  }
  source.columns = {};

  // To be kept, as of tables.
  std::vector<NamedColumn> kept;
  load("donor", true, true);
  source.labels.clear();
  load_features(source, &reading_, &kept);
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].fields, (std::vector<std::string>{"41", "97", "55"}));

  // Of labels alone.
  source.features = folder_ / "x.npz";
  source.labels = folder_ / "y.npz";
  write_npz(source.features, {{"features", npy_bytes(x)}});
  EXPECT_EQ(load_dataset(source, &reading_).labels, y);
  EXPECT_TRUE(said("rows go together by their places, not by member 'donor'"));
  // That nobody can read.
  const Eigen::MatrixXd absent = Eigen::MatrixXd::Constant(3, 1, std::nan(""));
  write_npz(source.features, {{"features", npy_bytes(x)}, {"donor", npy_bytes(absent)}});
  expect_data_error(
      [&] { load_dataset(source); },
      "'donor': row 0 is nan, expected a text or a whole number, of floats of 64 bits "
      "one below 2^53");
  write_npz(source.labels, {{"labels", npy_bytes(y)}});
  reading_ = {};
  EXPECT_EQ(load_dataset(source, &reading_).labels, y);
  EXPECT_TRUE(std::any_of(reading_.warnings.begin(), reading_.warnings.end(),
                          [](const std::string& one) { return one.ends_with("is not used"); }));
}

TEST_F(Joining, OriginsThatComeAgainAsOfTables) {
  Labels y, donors, moved;
  std::string features = "donor,a\n", labels = "donor,label\n";
  for (int i = 0; i < 40; ++i) {
    y.push_back(i % 2);
    donors.push_back(1000 + 7 * (i / 2));
    moved.push_back(1000 + 7 * (i % 20));
    features += std::to_string(donors.back()) + "," + std::to_string(i * i) + ".5\n";
    labels += std::to_string(moved.back()) + "," + std::to_string(i % 2) + "\n";
  }
  const FeatureMatrix x = FeatureMatrix::Random(40, 2);
  put_file(folder_ / "x.csv", features);
  put_file(folder_ / "y.csv", labels);
  write_npz(folder_ / "x.npz", {{"features", npy_bytes(x)}, {"donor", npy_bytes(donors)}});
  write_npz(folder_ / "y.npz", {{"labels", npy_bytes(y)}, {"donor", npy_bytes(moved)}});
  // As `extract` writes them.
  write_npz(folder_ / "z.npz", {{"features", npy_bytes(x)},
                                {"group_column", npy_bytes(std::vector<std::string>{"donor"})},
                                {"groups", npy_bytes(donors)}});
  for (const char* group : {"", "none"})
    for (const char* of_features : {"x.csv", "x.npz", "z.npz"})
      for (const char* of_labels : {"y.csv", "y.npz"}) {
        DataSource source;
        source.features = folder_ / of_features;
        source.labels = folder_ / of_labels;
        source.columns.group = group;
        Reading reading;
        EXPECT_EQ(load_dataset(source, &reading).labels, y);
        EXPECT_TRUE(std::any_of(reading.warnings.begin(), reading.warnings.end(),
                                [](const std::string& one) {
                                  return one.find("hold the same values in another order") !=
                                         std::string::npos;
                                }))
            << of_features << of_labels << group;
      }
}

TEST_F(Joining, TwoMembersOfOneName) {
  // "index" and "indices" are one: the samples have both, in other orders.
  const FeatureMatrix x = FeatureMatrix::Random(3, 2);
  DataSource source;
  source.features = folder_ / "x.npz";
  source.labels = folder_ / "y.npz";
  const auto put = [&](const Labels& index) {
    write_npz(source.features, {{"features", npy_bytes(x)},
                                {"index", npy_bytes(index)},
                                {"indices", npy_bytes(Labels{12, 11, 13})}});
  };
  write_npz(source.labels,
            {{"labels", npy_bytes(Labels{0, 1, 2})}, {"indices", npy_bytes(Labels{11, 12, 13})}});
  put({12, 11, 13});
  EXPECT_EQ(load_dataset(source).labels, (Labels{1, 0, 2}));
  put({13, 11, 12});
  expect_data_error([&] { load_dataset(source); }, "do not say the same as");
}

TEST(Rounding, WhatSinglePrecisionLosesIsRefused) {
  const TemporaryFolder folder;
  const auto column = [](double offset, double step) {
    Eigen::MatrixXd x(100, 2);
    for (Eigen::Index i = 0; i < 100; ++i) {
      x(i, 0) = 0.5 * static_cast<double>(i % 7);
      x(i, 1) = offset + step * static_cast<double>(i % 10);
    }
    return x;
  };
  const auto load = [&](const Eigen::MatrixXd& x) {
    write_npy(folder / "x.npy", x);
    DataSource source;
    source.features = folder / "x.npy";
    return load_features(source).features;
  };
  // Times in seconds: steps of 128 in single precision.
  expect_data_error([&] { load(column(1.7e9, 5)); },
                    "x.npy', column 1: values near 1.7e+09 that vary by 14.4");
  EXPECT_EQ(load(column(0, 5)).cast<double>(), column(0, 5));
  EXPECT_NO_THROW(load(column(1.7e9, 1e5)));
  EXPECT_NO_THROW(load(column(1e6, 5)));
  // Constant, but for rounding in double precision.
  EXPECT_NO_THROW(load(column(1.7e9, 0)));
  EXPECT_NO_THROW(load(column(0.1, 2e-17)));
  // What whitening would take for a constant; what is too small for single precision, or for its squares in double.
  Eigen::MatrixXd two = column(12'000'000, 0);
  for (Eigen::Index i = 0; i < two.rows(); i += 2) two(i, 1) += 1;
  expect_data_error([&] { load(two); }, "column 1: values near 1.2e+07 that vary by 0.5");
  EXPECT_NO_THROW(load(column(8'000'000, 1)));
  for (const double step : {1e-50, 1e-170, 1e-300})
    expect_data_error([&] { load(column(0, step)); }, "column 1: values near ");
  // Whole numbers that double precision makes one.
  const auto whole = [&](std::int64_t step) {
    std::vector<std::int64_t> numbers;
    for (std::int64_t i = 0; i < 6; ++i) {
      numbers.push_back(i % 4);
      numbers.push_back((std::int64_t{1} << 60) + step * i);
    }
    return array_of("'<i8'", "6, 2", bytes_of(numbers));
  };
  EXPECT_NO_THROW(npy_to_samples(whole(0), "a"));
  EXPECT_NO_THROW(npy_to_samples(whole(std::int64_t{1} << 50), "a"));
  expect_data_error(
      [&] { npy_to_samples(whole(1), "a"); },
      "a, column 1: values near 1.15e+18 that vary by less than double precision tells");
  // The same of a table.
  std::string digits = "t,a,label\n";
  for (int i = 0; i < 20; ++i)
    digits += std::to_string((std::int64_t{1} << 60) + i * i) + "," + std::to_string(i % 7) +
              ".5," + (i % 2 == 0 ? "u" : "v") + "\n";
  put_file(folder / "d.csv", digits);
  DataSource of_digits;
  of_digits.features = folder / "d.csv";
  expect_data_error([&] { load_dataset(of_digits); }, "column 1 ('t'): values near 1.15e+18");
  std::string text = "t,a,label\n";
  for (int i = 0; i < 20; ++i)
    text += std::to_string(1700000000 + i * i) + "," + std::to_string(i % 7) + ".5," +
            (i % 2 == 0 ? "u" : "v") + "\n";
  put_file(folder / "x.csv", text);
  DataSource source;
  source.features = folder / "x.csv";
  expect_data_error([&] { load_dataset(source); }, "column 1 ('t'): values near 1.7e+09");
  source.columns.drop = {"t"};
  EXPECT_EQ(load_dataset(source).width(), 1u);
}

}  // namespace
}  // namespace blindtuner
