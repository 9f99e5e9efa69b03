// usage: consumer_owner FOLDER make | open
#include <blindtuner/owner.h>
#include <blindtuner/study.h>
#include <blindtuner/version.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

namespace bt = blindtuner;

int main(int count, char** arguments) try {
  if (count != 3) return 2;
  const std::filesystem::path folder = arguments[1];
  const bt::Context context({.threads = 1, .allow_insecure = true});
  // Two classes, told apart by the first of three features.
  std::vector<float> features;
  std::vector<int> labels;
  for (int i = 0; i < 128; ++i) {
    const int label = i % 2;
    features.insert(features.end(),
                    {label == 0 ? -1.0f : 1.0f, 0.25f * static_cast<float>(i % 5) - 0.5f, 0.1f});
    labels.push_back(label);
  }
  const bt::DataSet data{features, 3, labels};
  if (std::string(arguments[2]) == "make") {
    const auto owner = bt::Owner::make_keys(context, folder / "keys",
                                            bt::ParameterSet::named("InsecureTest10"), {3, 2, 128});
    owner.encrypt(data, bt::DataUse::kTraining, folder / "data.enc", bt::SampleOrder::kKept);
    bt::StudyPlan plan;
    plan.name = "of two";
    plan.owners = {"a", "b"};
    plan.classes = {"no", "yes"};
    plan.columns = {3};
    plan.parameters = "InsecureJoint4";
    const auto a = bt::Study::create(context, folder / "a", folder / "exchange", "a", plan);
    const auto b = bt::Study::join(context, folder / "b", folder / "exchange", "b");
    return owner.open_labels(folder / "data.enc") == labels &&
                   a.status().awaits.at(0).from == "server"
               ? 0
               : 1;
  }
  const auto owner = bt::Owner::open(context, folder / "keys");
  const bt::LinearModel model = owner.open_model(
      folder / "model.enc",
      {bt::TrainingOptions{R"({"steps": 2, "batch_size": 128, "learning_rate": 1})"}});
  std::printf("version %s, %d steps\n", bt::version().c_str(), model.steps);
  return model.classify(data) == labels &&
                 !bt::Study::resume(context, folder / "a").status().fingerprint.empty() &&
                 owner.open_scores(folder / "scores.enc").values.size() == 256
             ? 0
             : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
