// What a table has that is neither a feature nor the label.
#include <algorithm>
#include <cmath>
#include <random>

#include "base/utf8.h"
#include "features/data/feature_tables.h"
#include "features/data/load.h"
#include "features/tables/table_headings.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;

class NoFeatures : public FeatureTables {};

TEST_F(NoFeatures, AnIndexIsNoFeature) {
  const auto with = [&](const std::string& header, const auto& index) {
    return read(table(header, 30, [&](int i) {
      return index(i) + "," + decimal(i) + "," + std::to_string(i / 10);
    }));
  };
  const auto number = [](int from) { return [=](int i) { return std::to_string(i + from); }; };
  const auto shuffled = [](int i) { return std::to_string(i * 7 % 30); };
  for (const std::string header : {",a,label", "Unnamed: 0,a,label", "id,a,label",
                                   "PatientID,a,label", "sample_id,a,label", "n,a,label"}) {
    EXPECT_EQ(with(header, number(0)).feature_names, (Words{"a"})) << header;
    EXPECT_EQ(with(header, number(1)).feature_names, (Words{"a"})) << header;
    if (header[0] == 'n') continue;
    EXPECT_EQ(with(header, shuffled).feature_names, (Words{"a"})) << header;
  }
  EXPECT_EQ(with("patient,a,label", [](int i) { return "P" + std::to_string(i); }).feature_names,
            (Words{"a"}));
  // By whatever step from whatever number; of few rows a feature may do so by chance.
  for (const int step : {1, -1, 10, -7})
    for (const std::string header : {"n,a,label", "a,n,label", ""}) {
      const auto rows = [&](int count) {
        return table(header, count, [&](int i) {
          const std::string index = std::to_string(1001 + step * i);
          return (header[0] == 'a' ? decimal(i) + "," + index : index + "," + decimal(i)) +
                 (i % 3 == 0 ? ",x" : ",y");
        });
      };
      EXPECT_EQ(read(rows(20)).features.cols(), 1) << header << step;
      EXPECT_NE(left_out().find("an index: it counts the rows"), std::string::npos);
      const bool front = header[0] != 'a' && std::abs(step) == 1;
      EXPECT_EQ(read(rows(19)).features.cols(), front ? 1 : 2) << header << step;
    }
  EXPECT_EQ(with("t,a,label", [](int i) { return std::to_string(0.1 * i); }).feature_names,
            (Words{"a"}));
  refused(
      table("t,label", 30, [](int i) { return std::to_string(i) + "," + std::to_string(i / 10); }),
      "no column of features left of 2 (column 1 ('t') is left out: an index: it counts");
  // Without a header, in order or not.
  for (const auto& index :
       {std::function<std::string(int)>(number(0)), std::function<std::string(int)>(number(1)),
        std::function<std::string(int)>(shuffled)}) {
    EXPECT_EQ(with("", index).features.cols(), 1);
    EXPECT_NE(left_out().find("1 an index"), std::string::npos);
  }
  // Columns that pandas numbers are no row.
  EXPECT_EQ(with(",0,1", number(0)).features.rows(), 30);
  EXPECT_EQ(read(table("0,1,2,3,label", 9,
                       [](int i) {
                         return decimal(i) + "," + decimal(i + 1) + ",1,2.5," +
                                std::to_string(i % 2);
                       }))
                .features.rows(),
            9);
  // R's row names, in a column without a name.
  EXPECT_EQ(read("a,label\nr1,0.1,x\nr2,0.2,y\nr3,0.4,x\n").features.cols(), 1);
  EXPECT_EQ(read("a,b,label\n1,5,7.5,x\n2,6,3.5,y\n3,1,4.5,x\n").features.cols(), 2);
  // Splits, dates.
  EXPECT_EQ(read("a,label,fold,day\n0.1,x,1,2020-01-02\n0.2,y,2,2020-01-02\n0.3,x,1,2021-04-05\n"
                 "0.4,y,2,2020-01-02\n")
                .features.cols(),
            1);
  EXPECT_EQ(left_out(), "3 a split, by its name: rows of all its parts are used; 4 dates; ");
}

TEST_F(NoFeatures, ANumberOfRowsInAnyOrderIsNoFeature) {
  const auto rows = [&](const std::string& header, int count, const auto& number) {
    return table(header, count, [&](int i) {
      return decimal(i) + "," + std::to_string(number(i)) + (i % 3 == 0 ? ",x" : ",y");
    });
  };
  // Whatever its name and place, of 20 rows or more.
  for (const int from : {0, 1}) {
    const auto shuffled = [=](int i) { return i * 7 % 23 + from; };
    for (const std::string header : {"a,weight,label", ""}) {
      EXPECT_EQ(read(rows(header, 23, shuffled)).features.cols(), 1) << header;
      EXPECT_EQ(left_out(), "2 an index: every row's number once; ");
    }
    EXPECT_EQ(
        read(rows("a,weight,label", 19, [=](int i) { return i * 7 % 19 + from; })).features.cols(),
        2);
    EXPECT_EQ(read(rows("a,X,label", 19, [=](int i) { return i * 7 % 19 + from; })).features.cols(),
              1);
  }
  EXPECT_EQ(read(rows("a,w,label", 23, [](int i) { return i * 7 % 23 + 2; })).features.cols(), 2);
  EXPECT_EQ(
      read(rows("a,w,label", 23, [](int i) { return i == 3 ? 22 : i * 7 % 23; })).features.cols(),
      2);
  EXPECT_EQ(read(rows("a,w,label", 23, [](int i) { return i * 7 % 23; }), {.features = {"a", "w"}})
                .features.cols(),
            2);
  // Ranks are several.
  const auto ranks = [](int count) {
    return table(count == 3 ? "a,b,c,label" : "a,b,label", 23, [=](int i) {
      std::string out;
      for (const int step : {3, 5, 9})
        if (step < 9 || count == 3) out += std::to_string(i * step % 23 + 1) + ",";
      return out + (i % 3 == 0 ? "x" : "y");
    });
  };
  EXPECT_EQ(read(ranks(3)).features.cols(), 3);
  refused(ranks(2), "no column of features left of 3 (column 1 ('a') is left out: an index: every");
  // By their usual names, of a part of the rows, too.
  for (const char* name : {"row.names", "RowNumber", "SNo", "Serial No.", "rn", "EmployeeNumber",
                           "MRN", "Sr. No", "Case No", "X", "case", "obs"})
    EXPECT_EQ(read(rows("a," + std::string(name) + ",label", 30,
                        [](int i) { return i * 7 % 30 + i * 7 % 30 / 2; }))
                  .features.cols(),
              1)
        << name;
  // A measure is wider.
  EXPECT_EQ(read(rows("a,X,label", 30, [](int i) { return i * 7 % 30 * 4; })).features.cols(), 2);
}

TEST_F(NoFeatures, MeasuresMayBeCalledAsIdentifiers) {
  for (const char* name : {"NO", "key"})
    for (const bool again : {true, false})
      EXPECT_EQ(read(table(std::string(name) + ",a,genre", 40,
                           [&](int i) {
                             return std::to_string(again ? i * i % 12 : i * i) + "," + decimal(i) +
                                    (i % 2 ? ",x" : ",y");
                           }))
                    .features.cols(),
                again ? 2 : 1)
          << name;
}

TEST_F(NoFeatures, WhatIsNoLabelByItsContent) {
  const auto with = [&](const std::function<std::string(int)>& other, int values) {
    return table("other,a,result", 40, [&](int i) {
      return other(i) + "," + decimal(i) + "," + std::to_string(i * i % values);
    });
  };
  const auto one_of = [](Words words) {
    return [=](int i) { return words[static_cast<std::size_t>(i) / 3 % words.size()]; };
  };
  for (const Words& words : {Words{"2020-01-01", "2020-01-02"},
                             {"01/2021", "02/2021"},
                             {"1.2.2021 10:30", "2.2.2021 10:30"},
                             {"10:30:00", "10:40:00"}}) {
    EXPECT_EQ(labels(read(with(one_of(words), 3)))[0], "0") << words[0];
    EXPECT_EQ(left_out(), "1 dates; ");
  }
  EXPECT_EQ(labels(read(with(one_of({"train", "test"}), 3)))[0], "0");
  EXPECT_EQ(left_out(), "1 a split, by what is in it: rows of all its parts are used; ");
  // Numbers with a unit are neither labels nor lost.
  for (const Words& words :
       {Words{"5 mg", "10 mg"}, {"10%", "20%"}, {"120/80", "130/85"}, {"$5", "$6"}})
    refused(with(one_of(words), 3),
            "column 1 ('other'): '" + words[0] + "', expected a number; make numbers of it");
  // Unless nothing else can be: kinds that begin with a number are names.
  for (const Words& words : {Words{"2D", "3D"}, {"train", "test"}})
    EXPECT_EQ(read(table("other,a", 40, [&](int i) { return one_of(words)(i) + "," + decimal(i); }))
                  .labels.words(),
              words);
  for (const Words& words : {Words{"<=50K", ">50K"}, {"10-20", "20-30"}, {"1st", "2nd", "3rd"}})
    EXPECT_EQ(read(with(one_of(words), 2)).labels.words(), words);
  refused(table("day,a", 40,
                [&](int i) { return (i % 2 ? "2020-01-02," : "2020-01-03,") + decimal(i); }),
          "no column looks like labels");
  // "none" is a class.
  EXPECT_EQ(read(table("a,finding", 40,
                       [&](int i) { return decimal(i) + (i % 2 ? ",none" : ",nodule"); }))
                .labels.words(),
            (Words{"nodule", "none"}));
}

TEST_F(NoFeatures, DatesByTheNameOfTheMonthAndTimesOfDay) {
  const std::vector<std::string> dates[] = {{"05-Mar-2021", "17-OCT-2020", "01-jan-1999"},
                                            {"5 March 2021", "17 October 2020", "1 May 21"},
                                            {"05MAR2021", "17OCT2020", "01JAN1999"},
                                            {"Mar 5, 2021", "Oct 17, 2020", "Jan 1 1999"},
                                            {"2021-Mar-05", "2020-Oct-17", "1999-Jan-01"},
                                            {"Mar-2021", "Oct-2020", "Jan-1999"},
                                            {"09:30", "17:05", "23:59"}};
  for (const auto& values : dates) {
    const auto row = [&](int i) {
      return decimal(i) + ";" + values[static_cast<std::size_t>(i) % 3] + ";" + (i % 2 ? "u" : "v");
    };
    EXPECT_EQ(read(table("a;when;label", 30, row)).features.cols(), 1) << values[0];
    EXPECT_EQ(left_out(), "2 dates; ") << values[0];
  }
  // Dilutions, genes, numbers.
  for (const char* text : {"1:20", "MARCH5", "Mar-05", "12:3", "25:10", "may"})
    EXPECT_FALSE(looks_like_date(text)) << text;
}

TEST_F(NoFeatures, WhoseARowIs) {
  const auto of = [&](const std::string& name, int values, int step = 3) {
    const FeatureTable out = read(table("a," + name + ",label", 60, [&](int i) {
      return decimal(i) + "," + std::to_string(i * 7 % values * step + 11) + "," +
             (i / 2 % 2 ? "u" : "v");
    }));
    return std::pair(out.features.cols(), out.groups.size());
  };
  for (const char* name : {"participant", "subj", "Person", "donor", "Respondent"})
    EXPECT_EQ(of(name, 5), std::pair(Eigen::Index{1}, std::size_t{1})) << name;
  EXPECT_EQ(left_out(), "2 whose a row is, by its name; ");
  // A measure has fewer values.
  EXPECT_EQ(of("family", 12), std::pair(Eigen::Index{1}, std::size_t{1}));
  EXPECT_EQ(of("family", 5).first, 2);
  ASSERT_FALSE(reading_.notes.empty());
  bool said = false;
  for (const std::string& note : reading_.notes)
    said = said || note.find("('family') is a feature by its few values") != std::string::npos;
  EXPECT_TRUE(said);
  EXPECT_EQ(of("participant", 2, 1).first, 2);
  EXPECT_EQ(of("patients", 12).first, 2);
  EXPECT_EQ(read(table("a,participant,label", 40,
                       [&](int i) {
                         return decimal(i) + ",P" + std::to_string(i % 7) + "," +
                                (i % 2 ? "u" : "v");
                       }))
                .groups.size(),
            1u);
}

TEST_F(NoFeatures, NamesThatAreNumbers) {
  const auto row = [&](int i) {
    return decimal(i) + "," + decimal(i + 3) + "," + std::to_string(i % 2);
  };
  // Beyond the number of columns they can only be names.
  EXPECT_EQ(
      read(table("1990,1991,1992", 30, row), {.label = "1992", .drop = {"1990"}}).feature_names,
      (Words{"1991"}));
  // Below, the name goes first, which is said.
  EXPECT_EQ(read(table("2,3,label", 30, row), {.drop = {"2"}}).feature_names, (Words{"3"}));
  EXPECT_TRUE(std::any_of(reading_.notes.begin(), reading_.notes.end(), [](const auto& note) {
    return note.find("'2' is column 1 ('2'), by its name, whatever its place") != std::string::npos;
  }));
}

TEST_F(NoFeatures, ErrorsOfSpreadsheetsAndNullsOfDatabasesAreNoValues) {
  for (const char* none : {"#NULL!", "#DIV/0!", "#N/A", "#VALUE!", "#NUM!", "#REF!", "\\N"}) {
    const std::string text =
        "a,b,label\n1.5,2.5,u\n" + std::string(none) + ",3.5,v\n2.5,4.5,v\n3.5,5.5,u\n";
    refused(text, "no value ('" + std::string(none) + "')");
    EXPECT_EQ(read(text, {.skip_missing = true}).features.rows(), 3) << none;
  }
  refused("a,label\n1.5,u\n2.5,#NULL!\n3.5,u\n4.5,v\n", "no label ('#NULL!')");
  refused("a,label\n1.5,u\n2.5,\\N\n3.5,u\n4.5,v\n", "no label ('\\N')");
}

TEST_F(NoFeatures, MeasuresAreNeitherDatesNorTexts) {
  for (const auto& of :
       {std::function<std::string(int)>(
            [](int i) { return std::to_string(100 + 7 * i % 61) + "/" + std::to_string(60 + i); }),
        std::function<std::string(int)>(
            [](int i) { return "60." + std::to_string(100 + i) + " beats/min"; }),
        std::function<std::string(int)>([](int i) { return "192.168.1." + std::to_string(i); })})
    refused(table("a,m,label", 40,
                  [&](int i) { return decimal(i) + "," + of(i) + (i % 2 ? ",x" : ",y"); }),
            "column 2 ('m'): '" + of(0) + "', expected a number; make numbers of it");
  // Addresses have their number in front as well.
  EXPECT_EQ(read(table("a,m,label", 40,
                       [&](int i) {
                         return decimal(i) + "," + std::to_string(i * 7) + " Street of " +
                                std::to_string(i) + (i % 2 ? " May,x" : " May,y");
                       }))
                .features.cols(),
            1);
}

TEST_F(NoFeatures, AColumnWithoutANameIsNoIndexByThatAlone) {
  refused(",a,label\n48,0.5,x\n52,0.7,y\n48,0.8,x\n",
          "column 1 has no name, and is no index, whose values would all differ: name it, or leave "
          "it out with --drop-columns 1");
  EXPECT_EQ(read(",a,label\n48,0.5,x\n52,0.7,y\n48,0.8,x\n", {.drop = {"1"}}).features.cols(), 1);
  refused(",a,label\nred,0.5,x\nblue,0.7,y\nred,0.8,x\n", "column 1 has no name, and is no index");
  refused("Unnamed: 0,a,label\n1,0.5,x\n2,0.7,y\n1,0.8,x\n", "column 1 ('Unnamed: 0') has no name");
  // More rows than values are told apart.
  const auto many = [](int last) {
    return table(",a,label", 3000, [=](int i) {
      return std::to_string(i == 2999 ? last : i * 7 % 3001) + "," + decimal(i) +
             (i % 3 == 0 ? ",x" : ",y");
    });
  };
  EXPECT_EQ(read(many(3002)).features.cols(), 1);
  refused(many(14), "column 1 has no name, and is no index");
  // A header one name short: of row names, or above a field that is cut in two.
  const std::string words =
      "expected as many: a field that has one of the commas in it must be "
      "quoted; if the first field is the row's own name, leave it out with "
      "--drop-columns 1";
  const std::string decimals = "age,temp,label\n48,38,2,well\n52,39,1,ill\n31,36,9,well\n";
  refused(decimals, "x.csv', line 1: 3 names above rows of 4 fields, " + words);
  EXPECT_EQ(read(decimals, {.drop = {"1"}}).feature_names, (Words{"age", "temp"}));
  refused("id,age,temp,label\n1,48,38,2,well\n2,52,39,1,ill\n3,31,36,9,well\n", words);
  refused("temp,label\n38,2,well\n39,1,ill\n36,9,well\n", words);
  refused("a,label\n48,0.5,x\n52,0.7,y\n48,0.8,x\n", words);
  // Thousands by points, and what is no row's name.
  for (const char* thousands : {"temp,label\n-38,25,well\n1.380,75,ill\n36,50,well\n",
                                "age,temp,label\n1,38,25,well\n2,1.039.001,75,ill\n3,36,50,well\n",
                                "temp,label\n38.5,2,well\n39.25,1,ill\n36.1,9,well\n"})
    refused(thousands, words);
  EXPECT_EQ(read("a,b,label\n1,1.25,3,x\n2,2.375,4,y\n3,7,5,x\n").features.cols(), 2);
  // Of another set as well, whose names are believed otherwise.
  TableRequest request;
  Reading reading;
  request.feature_names = {"age", "temp"};
  expect_data_error([&] { read_feature_table(path_, request, reading); }, "no column 'age'");
  put_file(path_, decimals);
  expect_data_error([&] { read_feature_table(path_, request, reading); }, words);
}

TEST_F(NoFeatures, WhatSaysTheSameAsTheLabelIsNoFeature) {
  std::minstd_rand random(5);
  std::string twin = "label_num,a,label\n", hot = "a,is_cat,b,is_dog,is_eel,species\n", near = twin;
  for (int i = 0; i < 120; ++i) {
    const int k = static_cast<int>(random() / 7 % 3);
    const std::string name = k == 0   ? "cat"
                             : k == 1 ? "dog"
                                      : "eel",
                      noise = std::to_string(static_cast<double>(random() % 1000) / 7);
    twin += std::to_string(k) + "," + noise + "," + name + "\n";
    near += std::to_string(i == 50 ? 7 : k) + "," + noise + "," + name + "\n";
    hot += noise + "," + (k == 0 ? "1," : "0,") + noise + (k == 1 ? ",1," : ",0,") +
           (k == 2 ? "1," : "0,") + name + "\n";
  }
  FeatureTable got = read(twin);
  EXPECT_EQ(got.feature_names, (Words{"a"}));
  EXPECT_EQ(got.features.cols(), 1);
  EXPECT_EQ(left_out(), "1 it says the same as the label; ");
  EXPECT_EQ(reading_.details["features"], 1);
  got = read(hot);
  EXPECT_EQ(got.feature_names, (Words{"a", "b"}));
  EXPECT_EQ(left_out(),
            "2 it says the same as the label; 4 it says the same as the label; 5 it says "
            "the same as the label; ");
  // Not what nearly does, or was asked for.
  EXPECT_EQ(read(near).feature_names, (Words{"label_num", "a"}));
  EXPECT_EQ(read(twin, {.features = {"label_num", "a"}}).features.cols(), 2);
  refused(twin, "no column of features left: column 1 ('label_num') says the same",
          {.drop = {"a"}});
}

TEST_F(NoFeatures, WhatIsFittedToTrainingFeaturesLeavesTheLabelOut) {
  const auto rows = [&](const std::string& header, const char* more) {
    return table(header, 40, [&](int i) {
      return decimal(i) + "," + decimal(3 * i) + "," + std::to_string(i * i % 3 % 2) + more;
    });
  };
  DataSource source;
  source.features = path_;
  Reading reading;
  put_file(path_, rows("a,b,chd", ""));
  const Dataset map = load_training_features(source, &reading);
  EXPECT_EQ(map.feature_names, (Words{"a", "b"}));
  ASSERT_EQ(reading.warnings.size(), 1u);
  EXPECT_NE(reading.warnings[0].find("column 3 ('chd') is taken for the label"), std::string::npos);
  EXPECT_EQ(load_dataset(source).feature_names, map.feature_names);
  source.columns.label = "none";
  EXPECT_EQ(load_training_features(source).width(), 3u);
  source.columns.label = "";
  // By its name without a word, and where there is none.
  put_file(path_, rows("a,b,label", ""));
  reading = {};
  EXPECT_EQ(load_training_features(source, &reading).width(), 2u);
  EXPECT_TRUE(reading.warnings.empty());
  put_file(path_, table("a,b", 40, [&](int i) { return decimal(i) + (i % 2 ? ",x" : ",y"); }));
  EXPECT_EQ(load_training_features(source, &reading).width(), 1u);
  EXPECT_TRUE(reading.warnings.empty());
  put_file(path_, table("a,b", 40, [&](int i) { return decimal(i) + "," + decimal(3 * i); }));
  EXPECT_EQ(load_training_features(source).width(), 2u);
  put_file(path_, rows("a,b,c,d", ",1"));
  EXPECT_EQ(load_training_features(source).width(), 3u);
  put_file(path_, table("a,b,c", 40, [&](int i) {
             return decimal(i) + "," + std::to_string(i % 2) + "," + std::to_string(i % 5);
           }));
  expect_data_error([&] { load_training_features(source); },
                    "several columns may be the label: column 2 ('b'), column 3 ('c'); say which "
                    "with --label-column (none: no labels)");
  // A map that has the label among its features is told.
  source.feature_names = {"a", "b", "c"};
  source.columns.label = "c";
  expect_data_error([&] { load_dataset(source); },
                    "column 3 ('c') is a feature of the training set or map, and no feature here "
                    "(label): leave it out there, too, or nowhere");
}

TEST_F(NoFeatures, NumbersButForASign) {
  for (const auto& [one, other] : {std::pair{"10%", "20%"},
                                   {"1_000", "2_000"},
                                   {"0x1f", "0x20"},
                                   {"\xe2\x80\x93"
                                    "1",
                                    "\xe2\x80\x93"
                                    "2"},
                                   {"\xd9\xa1", "\xd9\xa2"},
                                   {"$5", "$6"},
                                   {"5 kg", "6 kg"},
                                   {"1.0D+01", "2.0D+01"}})
    refused("x,n,label\n" + std::string(one) + ",1.5,a\n" + other + ",2.5,b\n5,3.5,a\n",
            "line 2, column 1 ('x'): '" + printable(one) + "', expected a number; make numbers");
  // Names with digits are names.
  for (const auto& [one, other] : {std::pair{"P12", "P13"}, {"3f2a", "3f2b"}, {"s-1", "s-2"}})
    EXPECT_EQ(
        read("x,n,label\n" + std::string(one) + ",1.5,a\n" + other + ",2.5,b\n").features.cols(),
        1);
}

}  // namespace
}  // namespace blindtuner
