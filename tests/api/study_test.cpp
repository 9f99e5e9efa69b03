// A study of two owners through the public interface, all parties in one process over one folder.
#include <blindtuner/study.h>
#include <blindtuner/study_server.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "fixture.h"

namespace blindtuner::testing_support::study_test {
namespace {

StudyPlan plan() {
  StudyPlan out;
  out.name = "Two sites";
  out.owners = {"north", "south"};
  out.classes = {"no", "yes"};
  out.columns = {kWidth};
  out.options = steps(3);
  out.parameters = "InsecureJoint4";
  return out;
}

/// What `call` throws; "" for nothing.
template <typename Error = DataError, typename Call>
std::string refused(const Call& call) {
  try {
    (void)call();
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(StudyInterface, GoesFromTheDraftToEveryOwnersModel) {
  TemporaryFolder folder;
  const fs::path exchange = folder / "exchange";
  const Context context = lenient();
  std::vector<std::string> notes;
  std::optional<Study> north =
      Study::create(context, folder / "north", exchange, "north", plan(), "of the north",
                    {.note = [&](const std::string& text) { notes.push_back(text); }});
  EXPECT_EQ(notes.size(), 1U);  // that columns are trained on as they are
  Study south = Study::join(context, folder / "south", exchange, "south");
  StudyServer server(context, folder / "server", exchange);
  StudyStatus where = south.status();
  EXPECT_EQ(where.state, StudyState::kWaits);
  EXPECT_EQ(where.phase, "agrees to the manifest");
  ASSERT_EQ(where.awaits.size(), 1U);
  EXPECT_EQ(where.awaits[0].from, "server");
  EXPECT_EQ(where.awaits[0].what, "join-server");
  EXPECT_EQ(where.study, "Two sites");
  EXPECT_EQ(where.since.size(), std::string("2026-01-31T12:00:00Z").size());
  EXPECT_TRUE(says(refused([&] {
                     south.agree("1234");
                     return 0;
                   }),
                   "not all have joined"));
  EXPECT_EQ(server.status().state, StudyState::kDue);
  EXPECT_EQ(server.step().phase, "joins the study");

  // What the others have read out.
  where = south.status();
  EXPECT_EQ(where.awaits[0].what, "fingerprint");
  EXPECT_EQ(where.fingerprint.size(), 79U);
  EXPECT_EQ(where.fingerprint, server.status().fingerprint);
  EXPECT_TRUE(says(refused([&] {
                     south.agree("1234");
                     return 0;
                   }),
                   "is not that of the study"));
  EXPECT_TRUE(says(refused([&] {
                     south.agree(where.fingerprint.substr(0, 39));
                     return 0;
                   }),
                   "has 32 of 64 digits"));
  south.agree(where.fingerprint);
  north->agree(where.fingerprint);

  // A copy that was kept here and is damaged is not what to mend the exchange with.
  {
    const fs::path own = folder / "south" / "said" / "join-south";
    const fs::path kept = folder / "kept";
    fs::copy_file(own, kept);
    fs::resize_file(own, 0);
    fs::resize_file(own, fs::file_size(kept));
    const std::string damaged = refused([&] { return south.step(); });
    EXPECT_TRUE(says(damaged, "this copy of what was said from here is damaged")) << damaged;
    fs::rename(kept, own);
  }

  // One works on a folder at a time; others look.
  Study beside = Study::resume(context, folder / "south");
  EXPECT_EQ(south.step().phase, "agrees to the manifest");
  EXPECT_NE(refused([&] { return beside.step(); }), "");
  EXPECT_EQ(beside.status().phase, "commits to a nonce");

  const Samples all(kSamples);
  const DataSet few{std::span(all.features).first(kWidth * 40), kWidth,
                    std::span(all.labels).first(40)};
  EXPECT_TRUE(says(refused([&] {
                     south.contribute({few.features.first(80), 2, few.labels});
                     return 0;
                   }),
                   "2 columns, the study says 3"));
  EXPECT_TRUE(says(refused([&] {
                     south.contribute({few.features, kWidth, {}});
                     return 0;
                   }),
                   "without labels"));
  EXPECT_EQ(south.class_numbers({"yes", " no"}), (std::vector<int>{1, 0}));
  EXPECT_TRUE(says(refused([&] { return south.class_numbers({"maybe"}); }), "maybe"));
  EXPECT_TRUE(says(refused([&] {
                     south.contribute(few, {.test = few});
                     return 0;
                   }),
                   "all rows of the test are among those for training"));
  // Tried in the clear, before there are keys.
  std::vector<float> large(few.features.begin(), few.features.end());
  for (float& x : large) x *= 100;
  EXPECT_TRUE(says(refused([&] {
                     south.contribute({large, kWidth, few.labels});
                     return 0;
                   }),
                   "on this owner's rows alone, in the clear, these settings take logits to"));
  std::string said;
  south.contribute(few, {.test = all.set()},
                   {.warning = [&](const std::string& text) { said += text + "\n"; }});
  EXPECT_TRUE(says(said, "feature 1 alone gives the label in 100 % of 40 rows")) << said;
  EXPECT_TRUE(says(said, "samples for test are in the training set as well")) << said;
  north->contribute(all.set());
  EXPECT_TRUE(says(refused([&] { return south.open_model(); }), "not opened yet"));

  // A call that is called off is made again; an owner that is gone is made anew, with its passphrase.
  struct Enough {};
  bool called_off = false, made_anew = false;
  std::map<std::string, std::vector<std::string>> did;
  for (int idle = 0; idle < 3;) {
    idle = 0;
    for (const std::string party : {"north", "south", "server"}) {
      std::string task_of;
      const auto progress = [&](const std::string& task, double fraction) {
        task_of = task;
        if (!called_off && task == "training, step 2" && fraction > 0) {
          called_off = true;
          throw Enough();
        }
      };
      try {
        where = party == "server"
                    ? server.step(progress)
                    : (party == "north" ? *north : south).step({.progress = progress});
      } catch (const Enough&) {
        EXPECT_EQ(server.status().phase, "trains");
        continue;
      }
      EXPECT_EQ(where.party, party);
      idle += where.state != StudyState::kDue;
      if (where.state == StudyState::kDue) did[party].push_back(where.phase);
      if (where.phase == "makes its shares" && where.state == StudyState::kDue) {
        EXPECT_EQ(task_of, "making shares");
      }
      if (where.phase == "agrees to the manifest" && party == "north") {
        made_anew = true;
        north.reset();
        Study without = Study::resume(context, folder / "north");
        EXPECT_TRUE(says(refused([&] { return without.step(); }), "passphrase"));
        EXPECT_TRUE(says(without.status().refused, "passphrase"));
        north = Study::resume(context, folder / "north", "of the north");
        north->contribute(all.set());
      }
    }
  }
  EXPECT_TRUE(called_off && made_anew);
  for (const std::string party : {"north", "south"}) {
    EXPECT_EQ(did[party].front(),
              party == "north" ? "agrees to the manifest" : "commits to a nonce");
    EXPECT_EQ(did[party].back(), "opens the model");
  }
  EXPECT_EQ(did["server"].back(), "trains");
  EXPECT_EQ(south.status().state, StudyState::kFinished);
  EXPECT_EQ(south.status().refused, "");
  EXPECT_TRUE(
      says(refused([&] { return south.combine_scores(all.unlabelled(), {folder / "none.npz"}); }),
           "every owner of this study has all columns"));

  const LinearModel model = south.open_model();
  EXPECT_EQ(model.steps, 3);
  EXPECT_EQ(model.classify(all.unlabelled()), all.labels);
  EXPECT_EQ(model.weights, north->open_model().weights);
  EXPECT_TRUE(fs::is_regular_file(south.model_file()));
  EXPECT_TRUE(says(south.open_report(), R"("judged_rows":128)")) << south.open_report();
  EXPECT_TRUE(says(south.open_report(), "among the rows that this owner trained on"));
  EXPECT_TRUE(says(north->open_report(), R"("held_out":false)")) << north->open_report();
  EXPECT_FALSE(south.ledger().entries.empty());
  EXPECT_GT(south.ledger().published_bits, 0);
  EXPECT_TRUE(says(refused([&] {
                     south.begin_session();
                     return 0;
                   }),
                   "one set of keys"));
}

TEST(StudyInterface, RefusesWhatIsNoStudy) {
  TemporaryFolder folder;
  const fs::path exchange = folder / "exchange";
  const auto create = [&](auto change, const Context& context = lenient()) {
    StudyPlan wrong = plan();
    change(wrong);
    return Study::create(context, folder / "north", exchange, "north", wrong);
  };
  EXPECT_NE(refused([&] { return create([](StudyPlan& p) {
                            p.owners = {"south", "west"};
                          }); }),
            "");
  EXPECT_NE(refused([&] { return create([](StudyPlan& p) { p.classes = {"no"}; }); }), "");
  EXPECT_NE(refused([&] { return create([](StudyPlan& p) { p.columns = {1, 2}; }); }), "");
  EXPECT_NE(refused([&] { return create([](StudyPlan& p) { p.options.configuration = "{"; }); }),
            "");
  EXPECT_NE(refused([&] { return create([](StudyPlan& p) { p.whitening = "no file"; }); }), "");
  EXPECT_NE(refused([&] { return create([](StudyPlan& p) { p.recipient = "south"; }); }), "");
  EXPECT_NE(refused([&] { return create([](StudyPlan& p) { p.recipient_alone = true; }); }), "");
  EXPECT_NE(
      refused<SecurityError>([&] { return create([](StudyPlan&) {}, Context({.threads = 1})); }),
      "");
  EXPECT_FALSE(fs::exists(folder / "north"));
  // A folder that is none, and an owner that waits for the study.
  EXPECT_NE(refused([&] { return Study::resume(lenient(), folder / "none"); }), "");
  EXPECT_TRUE(
      says(refused([&] { return Study::join(lenient(), folder / "south", exchange, "south"); }),
           "there is no such folder"));
  EXPECT_FALSE(fs::exists(folder / "south"));
  fs::create_directory(exchange);
  const Study early = Study::join(lenient(), folder / "south", exchange, "south");
  EXPECT_EQ(early.owner(), "south");
  EXPECT_EQ(early.agreed(), "");
  EXPECT_EQ(early.status().awaits[0].what, "draft");
  EXPECT_TRUE(
      says(refused([&] { return early.class_numbers({"no"}); }), "no study in the exchange"));
  EXPECT_TRUE(
      says(refused([&] { return Study::join(lenient(), folder / "south", exchange, "west"); }),
           "south"));
  const Study north = create([](StudyPlan& p) {
    p.owners = {"north", "south", "west"};
    p.threshold = 2;
    p.recipient = "lab";
    p.recipient_alone = true;
    p.parameters = "InsecureJoint4";
  });
  std::string told;
  (void)Study::join(lenient(), folder / "west", exchange, "west", {},
                    {.note = [&](const std::string& note) { told += note; }});
  EXPECT_TRUE(says(told, "any 2 of the 3 owners open the model")) << told;
  EXPECT_TRUE(says(north.agreed(), R"("coordinator":"north")")) << north.agreed();
  EXPECT_EQ(north.agreed(), early.agreed());
  EXPECT_TRUE(says(north.agreed(), R"("recipient":"lab")")) << north.agreed();
  Study lab = Study::join(lenient(), folder / "lab", exchange, "lab");
  const Samples all(4);
  EXPECT_TRUE(says(refused([&] {
                     lab.contribute(all.set());
                     return 0;
                   }),
                   "has no data"));
  EXPECT_TRUE(says(refused([&] { return Study::resume(lenient(), folder / "north", "sesame"); }),
                   "under no passphrase"));
  Study gone = Study::resume(lenient(), folder / "north");
  const Study moved = std::move(gone);
  EXPECT_THROW((void)gone.status(), ContractError);
}

}  // namespace
}  // namespace blindtuner::testing_support::study_test
