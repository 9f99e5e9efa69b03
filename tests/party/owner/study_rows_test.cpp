// Rows that owners of a study have, before anything is encrypted, and what they gained.
#include "party/owner/study/gain.h"
#include "party/owner/study_training_fixture.h"

namespace blindtuner::study_training_test {
namespace {

TEST(StudyGain, IsOfWhatTheOwnerHasAloneAndTogether) {
  StudyDraft draft = small_draft({"a", "b"});
  draft.whitening = StudyDraft::Whitening::kPooled;
  draft.config.steps = 4;
  draft.config.averaging_start = -1;
  StudyData data{rows_of(1, 90, 1), rows_of(1, 200, 2), {}};
  const Labels labels = data.train.labels;
  std::ranges::fill(data.train.labels, 0);
  LinearClassifier together{Eigen::MatrixXd::Zero(2, kColumns), Eigen::VectorXd::Zero(2)};
  together.weights.row(1).setConstant(0.01);
  together.bias(1) = -1.0;
  nlohmann::json report = gain_report(draft, data, together, {"a circuit", 12});
  EXPECT_EQ(report["missing_classes"], nlohmann::json({"yes"}));
  EXPECT_EQ(report["own_classes"][0], (nlohmann::json{{"name", "no"}, {"own_rows", 90}}));
  EXPECT_EQ(report["alone"]["balanced_accuracy"], 0.5);
  EXPECT_GT(report["together"]["balanced_accuracy"], 0.85);
  EXPECT_EQ(report["together"]["accuracy"], report["accuracy"]);
  EXPECT_EQ(report["judged_rows"], 200);
  EXPECT_EQ(report["trusted"], true);
  // Of both models over the same classes, though one takes some rows for a class of which there is none.
  EXPECT_EQ(report["macro_f1_of"], nlohmann::json({"no", "yes"}));
  StudyData of_one = data;
  std::vector<std::uint32_t> without_yes;
  for (std::uint32_t i = 0; i < data.held_out->size(); ++i)
    if (data.held_out->labels[i] == 0) without_yes.push_back(i);
  of_one.held_out = select(*data.held_out, without_yes);
  report = gain_report(draft, of_one, together, {});
  EXPECT_EQ(report["macro_f1_of"], nlohmann::json({"no"}));
  EXPECT_LT(report["together"]["accuracy"], 1);
  EXPECT_EQ(report["alone"]["accuracy"], 1);
  for (const char* model : {"together", "alone"})
    EXPECT_EQ(report[model]["macro_f1"], report[model]["per_class"][0]["f1"]) << model;
  data.train.labels = labels;
  const nlohmann::json alone = gain_report(draft, data, together, {})["alone"];
  EXPECT_GT(alone["balanced_accuracy"], 0.85);
  // With the study's own whitening: columns that this one makes a thirtieth as large.
  draft.epsilon = kMostEpsilon;
  EXPECT_LT(gain_report(draft, data, together, {})["alone"]["max_logit"].get<double>(),
            0.1 * alone["max_logit"].get<double>());
  draft.epsilon = kDefaultStudyEpsilon;
  // Beyond what the circuit stands, on rows that it was trained on alone.
  data.train.features(0, 0) = 1e4F;
  report = gain_report(draft, data, together, {"a circuit", 12});
  EXPECT_EQ(report["trusted"], false);
  EXPECT_NE(report["reasons"][0].get<std::string>().find("training rows reach"), std::string::npos);
  // Columns that are constant train nothing.
  data.train.features.setConstant(3);
  data.held_out.reset();
  report = gain_report(draft, data, together, {});
  EXPECT_TRUE(report["alone"].is_null());
  EXPECT_NE(report["alone_reason"], "");
  EXPECT_EQ(report["held_out"], false);
}

TEST(StudyRows, ThatCannotBeTrainedOnAreRefusedFirst) {
  StudyDraft draft = small_draft({"a", "b"});
  draft.config.steps = 4;
  draft.config.averaging_start = -1;
  draft.config.learning_rate = 1e-4;
  const ParametersPtr parameters = Parameters::create(find_parameters(draft.parameters));
  StudyData data{rows_of(1, 90, 1), {}, {}};
  const auto refused = [&]() -> std::string {
    try {
      require_trainable(draft, *parameters, data);
      return "";
    } catch (const DataError& error) {
      return error.what();
    }
  };
  EXPECT_EQ(refused(), "");
  draft.config.learning_rate = 2;  // of whitened columns
  std::string said = refused();
  EXPECT_NE(said.find("take logits beyond all numbers"), std::string::npos) << said;
  EXPECT_NE(said.find("make the study with '--whitening pooled'"), std::string::npos) << said;
  data.train.features(3, 2) = 1e5F;
  said = refused();
  EXPECT_NE(said.find("column 3 reaches 100000"), std::string::npos) << said;
  draft.whitening = StudyDraft::Whitening::kPooled;
  EXPECT_EQ(refused(), "");
}

TEST(StudyRows, AreComparedByWhatTheirColumnsAre) {
  StudyDraft draft = small_draft({"a", "b"});
  const auto said = [&](const std::string& encoder, const std::string& pooling,
                        const std::vector<std::string>& names = {}) {
    Dataset rows;
    rows.encoder = encoder;
    rows.pooling = pooling;
    rows.feature_names = names;
    return names_to_compare(draft, rows);
  };
  EXPECT_FALSE(said("", "class"));
  ASSERT_TRUE(said("one", "class"));
  EXPECT_EQ(said("one", "class"), said("one", "class"));
  EXPECT_NE(said("one", "class"), said("other", "class"));
  EXPECT_NE(said("one", "class"), said("one", "mean"));
  EXPECT_EQ(said("one", "class", {"x", "y"}), said("other", "mean", {"x", "y"}));
  // Of a table without names the places, where not all its columns are features.
  EXPECT_TRUE(said("", "", {place_name(1), place_name(3)}));
  EXPECT_NE(said("", "", {place_name(1), place_name(3)}),
            said("", "", {place_name(2), place_name(3)}));
  draft.column_names = {"x", "y", "z", "u", "v"};
  EXPECT_FALSE(said("one", "class"));
  EXPECT_FALSE(said("", "", {"x", "y"}));
}

TEST_F(StudyTrainingTest, OwnersHaveFeaturesOfOneEncoder) {
  encoder_of_ = {{"a", "one"}, {"c", "other"}};
  create(StudyDraft::Whitening::kNone);
  run([&] {
    return std::ranges::all_of(draft_.owners, [&](const std::string& name) {
      return fs::exists(exchange("rows-s1-" + name));
    });
  });
  for (const char* name : {"a", "b", "c"})
    EXPECT_NE(
        complaint(name).find("the columns of 'c' are called otherwise than those of 'a', are in "
                             "another order, were made by another encoder"),
        std::string::npos)
        << name;
}

TEST(StudyRows, AreHeldToTheirIdentifiers) {
  StudyDraft draft = small_draft({"a", "b"});
  draft.layout = StudyDraft::Layout::kColumns;
  draft.columns = {2, 3};
  draft.labels = "b";
  draft.identifiers = true;
  Dataset rows;
  rows.features = FeatureMatrix::Zero(4, 2);
  const auto refused = [&](std::vector<std::string> ids) -> std::string {
    rows.ids = std::move(ids);
    try {
      require_study_rows(draft, "a", rows);
      return "";
    } catch (const DataError& error) {
      return error.what();
    }
  };
  EXPECT_EQ(refused({"x", "", "y", ""}), "");
  EXPECT_NE(refused({}).find("and these have none"), std::string::npos);
  EXPECT_EQ(refused({"", "", "", ""}), "no row has an identifier");
  const std::string said = refused({"x", "y", "y", "x"});
  EXPECT_NE(said.find("2 rows have an identifier that an earlier row has, the first of them row 3"),
            std::string::npos)
      << said;
  rows.features = FeatureMatrix::Zero(4, 3);
  EXPECT_NE(refused({"x", "y", "z", "w"}).find("the data have 3 columns, the study says 2"),
            std::string::npos);
}

}  // namespace
}  // namespace blindtuner::study_training_test
