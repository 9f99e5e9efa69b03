// Tables that go together by what is in them: identifiers of rows, names of columns.
#include "features/samples/joining.h"

#include <cmath>

#include "features/data/npy.h"
#include "joining_fixture.h"

namespace blindtuner {
namespace {

const std::string kFeatures = "id,a,b\n11,0.5,1.5\n12,2.5,3.25\n13,4.5,5.75\n14,6.5,7.125\n";

TEST_F(Joining, ByIdentifiersWhateverTheirOrder) {
  const Labels want = {0, 1, 1, 0};
  EXPECT_EQ(load(kFeatures, "id,label\n11,u\n12,v\n13,v\n14,u\n").labels, want);
  EXPECT_EQ(reading_.details["joined_by"], "id");
  EXPECT_FALSE(said("another order"));
  EXPECT_EQ(load(kFeatures, "label,ID\nu,14.0\nv,12\nu,11\nv,13\n").labels, want);
  EXPECT_TRUE(said("y.csv': labels go to samples by column 2 ('ID'), as column 1 ('id') of "));
  EXPECT_TRUE(said("in another order than their places"));
  // Texts, and an index without a name.
  EXPECT_EQ(load("name,a\np,0.5\nq,1.5\nr,2.5\n", "name,label\nr,2\nq,1\np,0\n").labels,
            (Labels{0, 1, 2}));
  EXPECT_EQ(load(",a\n0,0.5\n1,1.5\n2,2.5\n", ",label\n2,7\n0,5\n1,6\n").labels, (Labels{0, 1, 2}));
  // As asked: by their places.
  EXPECT_EQ(load(kFeatures, "id,label\n14,u\n13,v\n12,v\n11,v\n", {.drop = {"id"}}).labels,
            (Labels{0, 1, 1, 1}));
  EXPECT_FALSE(reading_.details.contains("joined_by"));
  // No identifiers, nothing to go by.
  EXPECT_EQ(load(kFeatures, "label\nu\nv\nv\nu\n").labels, want);
}

TEST_F(Joining, ByNumbersThatAreInBothWhateverTheirName) {
  const std::string x = "code,a,b\n4711,0.5,1.5\n815,2.5,3.25\n42,4.5,5.75\n1234,6.5,7.125\n";
  const std::string moved = "code,label\n1234,u\n42,v\n815,v\n4711,w\n";
  const Labels want = {2, 1, 1, 0};
  const Dataset set = load(x, moved);
  EXPECT_EQ(set.labels, want);
  EXPECT_EQ(set.feature_names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(set.features(1, 0), 2.5f);
  EXPECT_EQ(reading_.details["joined_by"], "code");
  EXPECT_EQ(reading_.details["features"], 2);
  EXPECT_TRUE(said("it tells which label is whose, and is left out of the features"));
  EXPECT_TRUE(said("labels go to samples by column 1 ('code'), as column 1 ('code') of "));
  // Of a set whose features are known, and of those that were asked for: it stays one.
  DataSource source;
  source.features = folder_ / "x.csv";
  source.labels = folder_ / "y.csv";
  source.feature_names = {"code", "a", "b"};
  EXPECT_EQ(load_dataset(source).labels, want);
  EXPECT_EQ(load_dataset(source).width(), 3u);
  source.feature_names = {"a", "b"};
  EXPECT_EQ(load_dataset(source).labels, want);
  EXPECT_EQ(load(x, moved, {.features = {"code", "a"}}).width(), 2u);
  EXPECT_TRUE(said("labels go to samples by column 1 ('code')"));
  EXPECT_EQ(load(x, moved, {.drop = {"code"}}).labels, (Labels{0, 1, 1, 2}));
  expect_data_error([&] { load("code\n4711\n815\n42\n", "code,label\n815,u\n42,v\n4711,v\n"); },
                    "no other column of features is left");
  // An identifier by its name goes first.
  EXPECT_EQ(load("code,id,b\n7,a,1.5\n9,b,3.5\n8,c,5\n", "id,code,label\nb,9,v\na,7,u\nc,8,v\n")
                .feature_names,
            (std::vector<std::string>{"code", "b"}));
  EXPECT_EQ(reading_.details["joined_by"], "id");
  // In the same order it changes nothing, and is told.
  EXPECT_EQ(load(x, "code,label\n4711,u\n815,v\n42,v\n1234,u\n").width(), 3u);
  EXPECT_TRUE(said("in the same order: rows go together by their places"));
  EXPECT_TRUE(reading_.warnings.empty());
}

TEST_F(Joining, NumbersThatAgreeInPart) {
  const std::string x = "code,a\n4711,1.5\n815,3.25\n42,5.5\n1234,7\n99,8.5\n";
  expect_data_error([&] { load(x, "code,label\n99,u\n4711,u\n42,v\n816,v\n1234,w\n"); },
                    "x.csv', line 3, column 1 ('code'): '815' is not in column 1 ('code') of ");
  expect_data_error([&] { load(x, "code,label\n99,u\n4711,u\n43,v\n816,v\n1234,w\n"); },
                    "which has the other rows' values but for 2 in another order");
  EXPECT_EQ(load(x, "code,label\n99,u\n4711,u\n42,v\n816,v\n1234,w\n", {.drop = {"code"}}).labels,
            (Labels{0, 0, 1, 1, 2}));
  // In their order: by their places, with a word.
  EXPECT_EQ(load(x, "code,label\n4711,u\n816,u\n42,v\n1234,v\n99,w\n").labels,
            (Labels{0, 0, 1, 1, 2}));
  ASSERT_EQ(reading_.warnings.size(), 1u);
  EXPECT_NE(reading_.warnings[0].find("in the same order: rows go together by their places"),
            std::string::npos);
  // Hardly any, or several of one value: these are measurements.
  for (const char* other : {"code,label\n99,u\n4711,u\n43,v\n816,v\n1235,w\n",
                            "code,label\n99,u\n4711,u\n42,v\n42,v\n1234,w\n"}) {
    load(x, other);
    EXPECT_TRUE(reading_.warnings.empty()) << other << reading_.warnings[0];
  }
  // What tells all of them apart goes first.
  EXPECT_EQ(load("code,b\n7,1.5\n9,3.5\n8,5\n", "b,code,label\n1.5,9,v\n3.5,7,u\n4,8,v\n").labels,
            (Labels{0, 1, 1}));
}

TEST_F(Joining, TextsUnderAnotherName) {
  const std::string x = "name,a\npa,0.5\npb,1.5\npc,2.5\n";
  EXPECT_EQ(load(x, "sample,label\npc,2\npb,1\npa,0\n").labels, (Labels{0, 1, 2}));
  EXPECT_TRUE(said("labels go to samples by column 1 ('sample'), as column 1 ('name') of "));
  EXPECT_TRUE(reading_.warnings.empty());
  // In the same order nothing is to be told.
  EXPECT_EQ(load(x, "sample,label\npa,2\npb,1\npc,0\n").labels, (Labels{2, 1, 0}));
}

TEST_F(Joining, ClassesThatLoseTheirRows) {
  load("id,a\n1,0.5\n2,1.5\n3,NA\n4,NA\n5,3.5\n6,4.5\n", "id,label\n6,u\n5,v\n4,w\n3,w\n2,v\n1,u\n",
       {.skip_missing = true});
  ASSERT_EQ(reading_.warnings.size(), 1u);
  EXPECT_NE(
      reading_.warnings[0].find("2 of 2 rows of the class 'w' have no sample and are left out"),
      std::string::npos)
      << reading_.warnings[0];
}

TEST_F(Joining, NumbersUnderAnotherName) {
  // Both are called as identifiers: too few of what lies between are there for chance.
  EXPECT_EQ(load("sample_id,a,b\n4711,0.5,1.5\n815,2.5,3.25\n42,4.5,5\n",
                 "id,label\n42,u\n815,v\n4711,w\n")
                .labels,
            (Labels{2, 1, 0}));
  EXPECT_TRUE(said("labels go to samples by column 1 ('id'), as column 1 ('sample_id') of "));
  EXPECT_TRUE(reading_.warnings.empty());
  // Every row's number: of pictures in both, but not a picture's in one and a patient's in the other.
  const std::string counted = "id,a\n1,0.5\n2,1.5\n3,2.5\n4,3.5\n";
  EXPECT_EQ(load(counted, "image_id,label\n3,w\n1,u\n4,x\n2,v\n").labels, (Labels{0, 1, 2, 3}));
  EXPECT_EQ(load(counted, "patient_id,label\n3,w\n1,u\n4,x\n2,v\n").labels, (Labels{2, 0, 3, 1}));
  ASSERT_EQ(reading_.warnings.size(), 1u);
  EXPECT_NE(
      reading_.warnings[0].find("hold the same numbers in another order, but rows go together "
                                "by their places"),
      std::string::npos)
      << reading_.warnings[0];
  // An index that counts the rows of the labels alone.
  EXPECT_EQ(load("id,a\n2,0.5\n0,1.5\n1,2.5\n", ",label\n0,u\n1,v\n2,w\n").labels,
            (Labels{0, 1, 2}));
  EXPECT_EQ(reading_.warnings.size(), 1u);
  load("a,b\n4711,1.5\n815,3.25\n42,5\n", "id,label\n42,u\n815,v\n4711,v\n");
  EXPECT_EQ(reading_.warnings.size(), 1u);
  // Other values, twice the same, in the same order, fractions.
  for (const char* other : {"id,label\n42,u\n815,v\n4712,v\n", "id,label\n42,u\n42,v\n815,v\n",
                            "id,label\n4711,u\n815,v\n42,v\n", "id,label\n5,u\n1.5,v\n3.25,v\n"}) {
    load("a,b\n4711,1.5\n815,3.25\n42,5\n", other);
    EXPECT_TRUE(reading_.warnings.empty()) << other << reading_.warnings[0];
  }
}

TEST_F(Joining, WhatOneTableAloneHasIsRefused) {
  const auto refused = [&](const std::string& labels, const std::string& part) {
    expect_data_error([&] { load(kFeatures, labels); }, part);
  };
  refused("id,label\n11,u\n12,v\n13,v\n15,u\n", "y.csv': no row with '14' in column 1 ('id')");
  refused("id,label\n11,u\n12,v\n13,v\n", "no row with '14'");
  refused("id,label\n11,u\n12,v\n13,v\n14,u\n15,u\n", "x.csv': no row with '15'");
  refused("id,label\n11,u\n11,v\n13,v\n14,u\n", "do not tell rows apart");
  // Rows of features that were left out have labels left over.
  const Dataset set = load("id,a,b\n11,0.5,1.5\n12,NA,3.25\n13,4.5,5.75\n14,6.5,7.125\n",
                           "id,label\n14,u\n13,v\n12,v\n11,u\n", {.skip_missing = true});
  EXPECT_EQ(set.labels, (Labels{0, 1, 0}));
  // Repeated, but alike in both.
  EXPECT_EQ(load("id,a\n7,0.5\n7,1.5\n8,2.5\n", "id,label\n7,0\n7,1\n8,2\n").labels,
            (Labels{0, 1, 2}));
  // Without a name it may count anything.
  EXPECT_EQ(load(",a\n5,0.5\n9,1.5\n7,2.5\n", ",label\n0,0\n1,1\n2,2\n").labels, (Labels{0, 1, 2}));
  EXPECT_TRUE(said("rows go together by their places"));
}

TEST_F(Joining, RowsThatAreLeftOutAtOtherPlaces) {
  const std::string x = "a,b\n0.5,1.5\n,\n2.5,3.5\n4.5,5.5\n";
  const Labels want = {0, 1, 1};
  // Both at the same place, and behind the last sample, whatever else is there.
  EXPECT_EQ(load(x, "label,q\nu,1\n,\nv,1\nv,1\n").labels, want);
  EXPECT_EQ(load(x + ",\n\n", "label,q\nu,1\n\nv,1\nv,1\n").labels, want);
  EXPECT_EQ(load("a,b\n0.5,1.5\n2.5,3.5\n4.5,5.5\n,\n", "label,q\nu,1\nv,1\nv,1\n,\n,\n").labels,
            want);
  // Above a header, and above one that comes again, nothing is left out.
  EXPECT_EQ(load("\na,b\n0.5,1.5\n2.5,3.5\n\na,b\n4.5,5.5\n", "label,q\nu,1\nv,1\nv,1\n").labels,
            want);
  const auto refused = [&](const std::string& features, const std::string& labels,
                           const std::string& part, bool skip = false) {
    const std::string error = data_error([&] { load(features, labels, {.skip_missing = skip}); });
    EXPECT_NE(error.find(part), std::string::npos) << error;
    EXPECT_NE(error.find("rows go together by their places"), std::string::npos) << error;
  };
  refused(x, "label,q\nu,1\nv,1\n,\nv,1\n", "x.csv', line 3: no sample");
  refused("a,b\n0.5,1.5\n2.5,3.5\n,\n4.5,5.5\n", "label,q\nu,1\n,\nv,1\nv,1\n",
          "y.csv', line 3: no sample");
  refused(x, "label,q\nu,1\nv,1\nv,1\n", "x.csv', line 3: no sample");
  refused("a,b\n\n0.5,1.5\n2.5,3.5\n4.5,5.5\n", "label,q\nu,1\nv,1\nv,1\n",
          "x.csv', line 2: no sample");
  refused("a,b\n0.5,1.5\n\n\n2.5,3.5\n4.5,5.5\n", "label,q\nu,1\n\nv,1\nv,1\n",
          "x.csv', line 4: no sample");
  refused("0.5,1.5\n\n2.5,3.5\n4.5,5.5\n", "label,q\nu,1\nv,1\nv,1\n", "x.csv', line 2: no sample");
  // What --skip-missing leaves out is as good as empty.
  refused("a,b\n0.5,1.5\n2.5,3.5\nNA,1\n4.5,5.5\n", "label,q\nu,1\n,\nv,1\nv,1\n",
          "y.csv', line 3: no sample", true);
  EXPECT_EQ(load("a,b\n0.5,1.5\nNA,1\n2.5,3.5\n4.5,5.5\n", "label,q\nu,1\n,\nv,1\nv,1\n",
                 {.skip_missing = true})
                .labels,
            want);
  // Identifiers tell it whatever the places.
  EXPECT_EQ(load("id,a\n1,0.5\n,\n2,2.5\n3,4.5\n", "id,label\n3,v\n2,v\n,\n1,u\n").labels, want);
  // An array leaves out nothing.
  DataSource source;
  source.features = folder_ / "x.npy";
  source.labels = folder_ / "y.csv";
  write_npy(source.features, FeatureMatrix(FeatureMatrix::Random(3, 2)));
  put_file(source.labels, "label,q\nu,1\n,\nv,1\nv,1\n");
  expect_data_error([&] { load_dataset(source); }, "y.csv', line 3: no sample");
}

TEST_F(Joining, TablesWithoutAHeader) {
  const std::string x =
      "img_1.png,0.5,1.5\nimg_2.png,2.5,3.25\nimg_3.png,4.5,5.75\nimg_4.png,6.5,7.125\n";
  const std::string y = "img_4.png,u\nimg_2.png,v\nimg_3.png,u\nimg_1.png,v\n";
  const Labels want = {1, 1, 0, 0}, by_place = {0, 1, 0, 1};
  for (const char* of_x : {"", "file,a,b\n"})
    for (const char* of_y : {"", "image,label\n"}) {
      EXPECT_EQ(load(of_x + x, of_y + y).labels, want) << of_x << of_y;
      EXPECT_TRUE(said("y.csv': labels go to samples by column 1")) << of_x << of_y;
    }
  EXPECT_EQ(load(x, "img_4,u\nimg_2,v\nimg_3,u\nimg_1,v\n").labels, want);
  EXPECT_TRUE(said("but for folders and endings"));
  expect_data_error([&] { load(x, "img_5.png,u\nimg_2.png,v\nimg_3.png,u\nimg_1.png,v\n"); },
                    "no row with 'img_4.png' in column 1");
  // Also beside an archive.
  DataSource source;
  source.features = folder_ / "x.npz";
  source.labels = folder_ / "y.csv";
  put_file(source.labels, y);
  const auto archive = [&](const char* first) {
    write_npz(source.features,
              {{"features", npy_bytes(FeatureMatrix(FeatureMatrix::Random(4, 2)))},
               {"names", npy_bytes(std::vector<std::string>{first, "a/img_2.png", "a/img_3.png",
                                                            "a/img_4.png"})}});
    reading_ = {};
    return load_dataset(source, &reading_).labels;
  };
  EXPECT_EQ(archive("a/img_1.png"), want);
  // Where they tell nothing, that is said.
  EXPECT_EQ(load("0.5,1.5\n2.5,3.25\n4.5,5.75\n6.5,7.125\n", y).labels, by_place);
  EXPECT_TRUE(said("rows go together by their places, not by column 1"));
  EXPECT_EQ(load(x, "p,u\nq,v\nr,u\ns,v\n").labels, by_place);
  EXPECT_TRUE(reading_.details.contains("by_places"));
  EXPECT_EQ(load(x, y, {.drop = {"1"}}).labels, by_place);
  // Whole numbers: of features they may be measurements.
  EXPECT_EQ(load("17,0.5,1.5\n4,2.5,3.25\n99,4.5,5.75\n250,6.5,7.125\n", "250,u\n4,v\n99,u\n17,v\n")
                .labels,
            by_place);
  EXPECT_EQ(reading_.warnings.size(), 1u);
  EXPECT_EQ(load("17,0.5,1.5\n4,2.5,3.25\n99,4.5,5.75\n250,6.5,7.125\n", "250,u\n4,v\n99,u\n17,v\n",
                 {.features = {"2", "3"}})
                .labels,
            want);
  // Kept for scores.
  source.features = folder_ / "x.csv";
  put_file(source.features, x);
  source.labels.clear();
  std::vector<NamedColumn> kept;
  load_features(source, &reading_, &kept);
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].fields[3], "img_4.png");
}

TEST_F(Joining, FilesOfTablesWithAndWithoutFolders) {
  const std::string x = "image,a\nimg/7.png,0.5\nimg/8.png,1.5\nimg/9.png,2.5\n";
  EXPECT_EQ(load(x, "image,label\n9.png,w\n7.png,u\n8.png,v\n").labels, (Labels{0, 1, 2}));
  EXPECT_TRUE(said("but for folders"));
  EXPECT_EQ(load(x, "image_id,label\n9,w\n7,u\n8,v\n").labels, (Labels{0, 1, 2}));
  EXPECT_TRUE(said("but for folders and endings"));
}

TEST_F(Joining, PairsThatContradictEachOther) {
  const std::string x = "id,name,a\n11,p,0.5\n12,q,1.5\n13,r,2.5\n";
  expect_data_error([&] { load(x, "id,name,label\n11,q,u\n12,r,v\n13,p,w\n"); },
                    "do not say the same as column 2 ('name') and column 2 ('name')");
  EXPECT_EQ(load(x, "id,name,label\n13,r,w\n11,p,u\n12,q,v\n").labels, (Labels{0, 1, 2}));
  EXPECT_EQ(load(x, "id,name,label\n11,q,u\n12,r,v\n13,p,w\n", {.drop = {"name"}}).labels,
            (Labels{0, 1, 2}));
}

TEST_F(Joining, IndicesWithoutNamesThatAgreeInPart) {
  // A row that one table has lost: nothing counts, so that the values tell it.
  const std::string x = ",a\n5,0.5\n9,1.5\n7,2.5\n12,3.5\n";
  expect_data_error([&] { load(x, ",label\n9,u\n7,v\n12,w\n13,x\n"); },
                    "y.csv': no row with '5' in column 1");
  // The labels' count their rows: they may have been counted anew.
  EXPECT_EQ(load(",a\n0,0.5\n1,1.5\n3,2.5\n4,3.5\n", ",label\n0,u\n1,v\n2,w\n3,x\n").labels,
            (Labels{0, 1, 2, 3}));
  ASSERT_EQ(reading_.warnings.size(), 1u);
  EXPECT_NE(reading_.warnings[0].find("hold other values: rows go together by their places"),
            std::string::npos);
}

TEST_F(Joining, WhatMakesOneIdentifier) {
  const auto labels_of = [&](const std::string& own, const std::string& other) {
    std::string x = "id,a\n", y = "id,label\n";
    for (const char digit : {'2', '3', '4'}) {
      std::string one = own, two = other;
      std::replace(one.begin(), one.end(), '#', digit);
      std::replace(two.begin(), two.end(), '#', static_cast<char>('6' - digit + '0'));
      x += one + "," + digit + ".5\n";
      y += two + "," + static_cast<char>('6' - digit + '0') + "\n";
    }
    return load(x, y).labels;
  };
  const Labels want = {0, 1, 2};
  for (const auto& [own, other] :
       std::vector<std::pair<std::string, std::string>>{{"0071#", "71#"},
                                                        {"71#.0", "71#"},
                                                        {"P#", " P# "},
                                                        {"P#\u00a0", "P#"},
                                                        {"Zu\u0308rich #", "Z\u00fcrich #"},
                                                        {"#e+05", "#00000"},
                                                        // In digits of sixteen: no numbers, all 0.
                                                        {"00e#", "00e#"},
                                                        {"#e1", "#e1"}})
    EXPECT_EQ(labels_of(own, other), want) << own << " " << other;
  for (const auto& [own, other] : std::vector<std::pair<std::string, std::string>>{
           {"p#", "P#"}, {"#e1", "#0"}, {"P-#", "P#"}, {"2021-03-0#", "0#.03.2021"}})
    expect_data_error([&, own = own, other = other] { labels_of(own, other); },
                      "hold other values");
}

TEST_F(Joining, ByPlacesIsSaidWhereLabelsHaveIdentifiers) {
  EXPECT_EQ(load("a,b\n0.5,1.5\n2.5,3.5\n", "id,label\np,u\nq,v\n").labels, (Labels{0, 1}));
  EXPECT_TRUE(said("y.csv': rows go together by their places, not by column 1 ('id'): "));
  load("a,b\n0.5,1.5\n2.5,3.5\n", "id,label\np,u\np,v\n");
  EXPECT_FALSE(said("by their places"));
  // Words of any name, and an index that does not count the rows; not sentences.
  load("a,b\n0.5,1.5\n2.5,3.5\n", "accession,label\np,u\nq,v\n");
  EXPECT_TRUE(said("y.csv': rows go together by their places, not by column 1 ('accession'): "));
  load("a,b\n0.5,1.5\n2.5,3.5\n4.5,6.5\n", ",label\n7,u\n2,v\n5,v\n");
  EXPECT_TRUE(said("y.csv': rows go together by their places, not by column 1"));
  load("a,b\n0.5,1.5\n2.5,3.5\n4.5,6.5\n", ",label\n0,u\n1,v\n2,v\n");
  EXPECT_FALSE(said("by their places"));
  load("a,b\n0.5,1.5\n2.5,3.5\n", "text,label\np,u\nq,v\n");
  EXPECT_FALSE(said("by their places"));
}

TEST_F(Joining, ValuesThatComeAgainInAnotherOrderAreWarnedOf) {
  const auto load_of = [&](const char* own, const char* other, int kinds, bool moved,
                           const std::string& word) {
    std::string x = std::string(own) + ",a,b\n", y = std::string(other) + ",label\n";
    for (int i = 0; i < 40; ++i) {
      const auto value = [&](int of) { return word + std::to_string(100 + of % kinds * 7); };
      x += value(i) + "," + std::to_string(i * i % 37 + 0.25) + "," +
           std::to_string(i * 5 % 11 + 0.5) + "\n";
      y += value(moved ? 39 - i : i) + (i % 2 ? ",u\n" : ",v\n");
    }
    load(x, y);
    return std::any_of(reading_.warnings.begin(), reading_.warnings.end(), [](const auto& text) {
      return text.find("hold the same values in another order") != std::string::npos;
    });
  };
  EXPECT_TRUE(load_of("patient_id", "pid", 20, true, "p"));
  EXPECT_TRUE(load_of("patient_id", "pid", 20, true, ""));
  EXPECT_TRUE(load_of("subject", "ward", 20, true, "p"));
  EXPECT_FALSE(load_of("patient_id", "pid", 20, false, "p"));
  EXPECT_FALSE(load_of("patient_id", "pid", 5, true, "p"));
}

TEST_F(Joining, ColumnsOfAnotherSetByTheirNames) {
  DataSource source;
  source.features = folder_ / "x.csv";
  source.feature_names = {"a", "b"};
  put_file(source.features, "b,a\n1.5,0.5\n3.25,2.5\n");
  const Dataset set = load_features(source);
  EXPECT_EQ(set.features(0, 0), 0.5f);
  EXPECT_EQ(set.feature_names, source.feature_names);
  put_file(source.features, "b,c\n1.5,0.5\n");
  expect_data_error([&] { load_features(source); }, "no column 'a'");
  source.columns.features = {"b", "a"};
  put_file(source.features, "b,a\n1.5,0.5\n");
  expect_data_error([&] { load_features(source); }, "expected those of the training set");
  source.columns = {};
  put_file(source.features, "1.5,0.5\n2.5,3.5\n");
  Reading reading;
  EXPECT_EQ(load_features(source, &reading).features(0, 0), 1.5f);
  EXPECT_NE(reading.notes.back().find("the training set's, in their order"), std::string::npos);
}

TEST_F(Joining, LabelsOfAnotherSetWhereThisOneHasThem) {
  put_file(folder_ / "train.csv",
           "a,class,grade\n0.5,0,u\n1.75,1,v\n2.25,0,v\n3.75,1,u\n4.125,1,v\n5.5,0,u\n");
  DataSource source;
  source.features = folder_ / "train.csv";
  source.columns.label = "Grade";
  source.columns.drop = {"2"};
  Reading reading;
  const Dataset train = load_dataset(source, &reading);
  EXPECT_EQ(train.label_name, "grade");
  EXPECT_EQ(select(train, std::vector<std::uint32_t>{1, 2}).label_name, "grade");
  source.feature_names = train.feature_names;
  source.classes.names = train.class_names;
  source.features = folder_ / "test.csv";
  const auto labels = [&](const std::string& text) {
    put_file(source.features, text);
    return load_dataset(source).labels;
  };
  const std::string bare = "0.5,0,v\n1.5,1,u\n", header = "a,class,grade\n";
  expect_data_error([&] { labels(bare); }, "no column 'Grade'");
  read_as_in_training(source, taken_for_training(train, reading));
  EXPECT_EQ(labels(bare), (Labels{1, 0}));
  EXPECT_EQ(labels(header + bare), (Labels{1, 0}));
  EXPECT_EQ(labels("grade,x,a\nv,0,0.5\nu,1,1.5\n"), (Labels{1, 0}));
  expect_data_error([&] { labels("a,x,kind\n" + bare); }, "no column 'grade'");
  // Without a header there: another column that is called so contradicts the place.
  put_file(folder_ / "bare.csv", "0,1.5,2.5\n1,3.5,4.5\n0,5.5,1.25\n1,7.5,2.75\n");
  DataSource first;
  first.features = folder_ / "bare.csv";
  reading = {};
  const Dataset without_names = load_dataset(first, &reading);
  read_as_in_training(source, taken_for_training(without_names, reading));
  source.feature_names.clear();
  source.classes.names = {"0", "1"};
  source.columns.drop.clear();
  expect_data_error([&] { labels("a,b,label\n0,1.5,1\n1,2.5,1\n1,3.5,0\n"); },
                    "column 1, which is column 1 ('a') here, but column 3 ('label') is called as");
  EXPECT_EQ(labels("class,b,label\n0,1.5,1\n1,2.5,1\n1,3.5,0\n"), (Labels{0, 1, 1}));
  EXPECT_EQ(labels("a,b,c\n0,1.5,1\n1,2.5,1\n1,3.5,0\n"), (Labels{0, 1, 1}));
  source.classes.names = train.class_names;
  source.feature_names = train.feature_names;
  // By the name alone: where it is there.
  source.columns = {};
  source.columns.known_label.name = "grade";
  EXPECT_EQ(labels(header + bare), (Labels{1, 0}));
  source.columns.drop = {"2"};
  EXPECT_EQ(labels("a,x,label\n" + bare), (Labels{1, 0}));
}

}  // namespace
}  // namespace blindtuner
