#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "base/path.h"
#include "io/file_stream.h"
#include "learn/reference/metrics.h"
#include "learn/reference/plain_reference.h"
#include "learn/result_shape.h"
#include "party/owner/study/gain.h"
#include "party/owner/study/partial_scores.h"
#include "party/owner/study/row_matching.h"
#include "party/owner/study_training_fixture.h"
#include "party/study/joint_statistics.h"
#include "records/study/sums.h"

namespace blindtuner::study_training_test {
using namespace reference;
namespace {

TEST_F(StudyTrainingTest, GivesEveryOwnerTheModelOfAllRows) {
  create(StudyDraft::Whitening::kPooled);
  // What becomes of an owner's data on the way it sees itself: the server could tell nobody else.
  run([&] {
    return std::ranges::all_of(draft_.owners, [&](const std::string& name) {
      return fs::exists(exchange("data-s1-" + name));
    });
  });
  const fs::path sent = exchange("data-s1-a");
  const auto size = fs::file_size(sent);
  EXPECT_EQ(step("a").awaited.at(0).from, "server");
  for (const bool cut : {false, true}) {
    if (cut) {
      fs::resize_file(sent, size - 1);
    } else {
      std::fstream file(sent);
      const auto middle = static_cast<std::streamoff>(size / 2);
      const int byte = file.seekg(middle).get();
      file.seekp(middle).put(static_cast<char>(byte ^ 1));
    }
    const Advance waits = step("a");
    ASSERT_EQ(waits.awaited.size(), 1U);
    EXPECT_EQ(waits.awaited[0].what, "data-s1-a");
    EXPECT_NE(
        waits.awaited[0].state.find("is not what was sent from here: remove " + quoted_path(sent)),
        std::string::npos)
        << waits.awaited[0].state;
    EXPECT_TRUE(waits_for_operator(waits, "a"));
    fs::remove(sent);
    EXPECT_EQ(step("a").phase, "sends its data");
    EXPECT_EQ(fs::file_size(sent), size);
  }
  // Its own key, too.
  const fs::path key = path("a") / "s1" / "secret.key", away = path("a") / "away";
  fs::rename(key, away);
  EXPECT_NE(complaint("a").find("secret.key': is gone"), std::string::npos) << complaint("a");
  fs::rename(away, key);
  run();
  Dataset all;
  all.classes = 2;
  all.features.resize(221, kColumns);
  Eigen::Index row = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    const Dataset own = rows_of(k, kRowsOf[k], 1);
    all.features.middleRows(row, own.features.rows()) = own.features;
    row += own.features.rows();
    all.labels.insert(all.labels.end(), own.labels.begin(), own.labels.end());
  }
  const Whitening map = Whitening::fit(all.features);
  all.features = map.apply(all.features);
  const LinearClassifier clear = map.unfold(train_plain(all, nullptr, draft_.config).model);
  for (const std::string& name : draft_.owners) {
    EXPECT_EQ(complaint(name), "");
    EXPECT_EQ(step(name).kind, Advance::Kind::kFinished) << name;
    const nlohmann::json report = read_json(path(name) / "report.json");
    const DecryptedModel model = load_classifier(path(name) / "s1" / "model.npz");
    EXPECT_EQ(model.class_names, draft_.classes);
    const Dataset test = rows_of(place(name), 200, 2);
    const double opened = accuracy(predict(scores(model.classifier, test.features)), test.labels);
    const double expected = accuracy(predict(scores(clear, test.features)), test.labels);
    std::printf("%s: accuracy %.3f, union in the clear %.3f\n", name.c_str(), opened, expected);
    EXPECT_GT(opened, expected - 0.03);
    EXPECT_GT(opened, 0.85);
    EXPECT_EQ(report["accuracy"], opened);
    EXPECT_EQ(report["rows"], 221);
    EXPECT_LT(report["bits"], 1);
  }
  // What was only to be sent is not kept, and nothing of it is missed.
  EXPECT_FALSE(fs::exists(path("a") / "s1" / "data"));
  fs::remove(exchange("data-s1-a"));
  EXPECT_EQ(step("a").kind, Advance::Kind::kFinished);
  // One model at all of them: the shares are the same.
  const auto weights = [&](const std::string& name) {
    return load_classifier(path(name) / "s1" / "model.npz").classifier.weights;
  };
  EXPECT_EQ(weights("a"), weights("c"));
}

TEST(FaintColumns, AreWhatOtherOwnersDrownOut) {
  Dataset own = rows_of(0, 100, 1);
  own.features.col(3).setConstant(7);  // here alone: nothing to be drowned out
  Dataset all = rows_of(1, 300, 1);
  all.features.topRows(100) = own.features;
  // One and the same but for its units, and a column without variance anywhere.
  all.features.col(1) = 1000 * all.features.col(0);
  own.features.col(1) = 1000 * own.features.col(0);
  for (FeatureMatrix* x : {&all.features, &own.features}) x->col(4).setConstant(-1);
  EXPECT_EQ(faint_columns(own, Whitening::fit(all.features)), "");
  all.features(200, 2) = 1e6f;
  const std::string told = faint_columns(own, Whitening::fit(all.features));
  EXPECT_NE(told.find("next to nothing: '3'; other owners'"), std::string::npos) << told;
  own.feature_names = {"a", "b", "age", "d", "e"};
  EXPECT_NE(faint_columns(own, Whitening::fit(all.features)).find("nothing: 'age';"),
            std::string::npos);
}

TEST_F(StudyTrainingTest, OwnersAddUpTheStatisticsThemselves) {
  create(StudyDraft::Whitening::kPooled);
  run([&] {
    return std::ranges::all_of(draft_.owners, [&](const std::string& name) {
      return fs::exists(exchange("stats-s1-" + name));
    });
  });
  // What the server's way-in keys make of the records.
  const auto as_the_server_would = [&](StudyServer& server, const JointRun& study) {
    FileSource keys(server.way_in_keys());
    const std::vector<KeySwitchKey> way_in = read_way_in_keys(keys, study.joint, 3);
    EncryptedSums sum{study.statistics(), {}};
    for (std::size_t i = 0; i < 3; ++i) {
      FileSource source(exchange("stats-s1-" + draft_.owners[i]));
      Sha256Digest contents{};
      add_sums(sum, *study.parameters,
               read_owner_sums(source, study.own[i], study.data, i, study.statistics(), contents),
               way_in[i]);
    }
    return sum;
  };
  {
    StudyServer server(
        {path("server"), std::make_shared<FolderChannel>(exchange(), "server-looks"), true, false});
    const JointRun at_server = study_run(server);
    const EncryptedSums expected = as_the_server_would(server, at_server);
    const Party c = party("c");
    const JointRun at_c = study_run(*c.owner);
    const EncryptedSums own = joint_statistics(*c.owner, at_c).sums;
    ASSERT_EQ(own.packs.size(), expected.packs.size());
    EXPECT_TRUE(same_residues(own.packs[0].c0, expected.packs[0].c0));
    EXPECT_TRUE(same_residues(own.packs[0].c1, expected.packs[0].c1));
  }
  // One owner's statistics twice, two owners' in each other's places, an owner's share of the way in altered, another
  // owner's, or none: nobody answers, and who is to be asked is named.
  const auto stats_of = [&](const std::string& name) { return exchange("stats-s1-" + name); };
  const testing_support::Bytes of_a = load(stats_of("a")), of_b = load(stats_of("b")),
                               ways = load(exchange("ways-s1-b"));
  const auto refused = [&](const std::string& who, const std::string& why) {
    const std::string said = complaint("c");
    EXPECT_NE(said.find("what '" + who + "' has sent is refused"), std::string::npos) << said;
    EXPECT_NE(said.find(why), std::string::npos) << said;
    EXPECT_EQ(said.find('\n'), std::string::npos);
    EXPECT_FALSE(fs::exists(path("c") / "s1" / "stats-share"));
  };
  store(stats_of("b"), of_a);
  refused("b", "stats-s1-b");
  store(stats_of("a"), of_b);
  refused("a", "stats-s1-a");
  store(stats_of("a"), of_a);
  store(stats_of("b"), of_b);
  testing_support::Bytes altered = ways;
  altered[altered.size() / 2] ^= 1;
  store(exchange("ways-s1-b"), altered);
  refused("b", "ways-s1-b");
  store(exchange("ways-s1-b"), load(exchange("ways-s1-a")));
  refused("b", "the shares of owner 1, expected those of owner 2");
  fs::remove(exchange("ways-s1-b"));
  const Advance waits = step("c");
  ASSERT_EQ(waits.kind, Advance::Kind::kWaits);
  EXPECT_EQ(waits.awaited.at(0).what, "ways-s1-b");
  EXPECT_EQ(waits.awaited.at(0).state, "");
  store(exchange("ways-s1-b"), ways);
  EXPECT_EQ(complaint("c"), "");
  EXPECT_TRUE(fs::exists(exchange("stats-answer-s1-c")));

  // Who has made another map of them is named before data go out.
  run([&] {
    return fs::exists(exchange("data-map-s1-a")) && fs::exists(exchange("data-map-s1-b"));
  });
  const fs::path map = exchange("data-map-s1-b");
  const testing_support::Bytes honest = load(map);
  store_text(
      map, signed_text(
               {kMap, "b", party("c").owner->manifest().digest, 1, {{"map", std::string(64, '0')}}},
               key_of("b")));
  fs::remove(path("c") / "seen" / map.filename());
  const std::string said = complaint("c");
  EXPECT_NE(said.find("'c' has another map of the pooled statistics than 'b':"), std::string::npos)
      << said;
  EXPECT_FALSE(fs::exists(path("c") / "s1" / "data"));
  store(map, honest);
  fs::remove(path("c") / "seen" / map.filename());
  EXPECT_EQ(complaint("c"), "");
  run({"a", "b", "c"});
  EXPECT_TRUE(fs::exists(exchange("data-s1-c")));
}

TEST_F(StudyTrainingTest, JoinsColumnsOfTheSameRows) {
  change_ = [](StudyDraft& draft) { draft.epsilon = 0.5; };
  whole_batch_ = true;
  create(StudyDraft::Whitening::kPooled, true);
  run();
  // Each owner's columns through a map of its own, side by side.
  Dataset all = rows_of(0, kRowsOf[0], 1);
  const auto standard = [&](const FeatureMatrix& x) {
    return Whitening::fit(x, draft_.epsilon).apply(x);
  };
  FeatureMatrix x(all.features.rows(), kColumns);
  x.leftCols(2) = standard(all.features.leftCols(2));
  x.rightCols(3) = standard(all.features.rightCols(3));
  all.features = x;
  const LinearClassifier clear = train_plain(all, nullptr, draft_.config).model;
  for (const std::string& name : draft_.owners) {
    EXPECT_EQ(step(name).kind, Advance::Kind::kFinished) << name;
    const DecryptedModel model = load_classifier(path(name) / "s1" / "model.npz");
    ASSERT_EQ(model.classifier.weights.cols(), kColumns);
    const double opened = accuracy(predict(scores(model.classifier, x)), all.labels);
    EXPECT_GT(opened, accuracy(predict(scores(clear, x)), all.labels) - 0.03);
    EXPECT_GT(opened, 0.85);
    // The default's 0.01 would make them a fifth larger.
    EXPECT_LT((model.classifier.weights - clear.weights).norm(), 0.05 * clear.weights.norm());
  }
}

TEST_F(StudyTrainingTest, MatchesRowsByTheirIdentifiers) {
  create(StudyDraft::Whitening::kPooled, true, true);
  run([&] { return fs::exists(exchange("match-s1-a")) && fs::exists(exchange("match-s1-b")); });
  // Both have the same rows in the same order: those that both know by a number.
  std::vector<std::string> common;
  for (std::size_t i = 0; i < kRowsOf[0]; ++i)
    if (i % 5 != 0 && i % 7 != 0 && i != 1) common.push_back("patient " + std::to_string(i));
  std::ranges::sort(common);
  std::vector<std::string> order;
  const Dataset all = rows_of(0, kRowsOf[0], 1);
  for (const std::string& name : draft_.owners) {
    const Party one = party(name);
    Dataset own = known_columns_of(place(name)).train;
    const RowMatch match = match_rows(*one.owner, own.ids);
    EXPECT_EQ(match.without, name == "a" ? 1u : 0u);
    EXPECT_EQ(match.given, own.ids.size());
    EXPECT_EQ(match.given, match.rows.size() + match.without + match.unmatched);
    own = party::rows_of(std::move(own), match.rows);
    if (order.empty()) order = own.ids;
    EXPECT_EQ(own.ids, order);
    for (std::size_t i = 0; i < order.size(); ++i) {
      const auto row = static_cast<Eigen::Index>(std::stoul(order[i].substr(8)));
      const auto at = static_cast<Eigen::Index>(i);
      if (name == "a") {
        EXPECT_TRUE(own.features.row(at) == all.features.row(row).leftCols(2));
      } else {
        EXPECT_TRUE(own.features.row(at) == all.features.row(row).rightCols(3));
        EXPECT_EQ(own.labels[i], all.labels[static_cast<std::size_t>(row)]);
      }
    }
  }
  // By the hashes, so not as either file has them, nor sorted.
  std::vector<std::string> sorted = order;
  std::ranges::sort(sorted);
  EXPECT_EQ(sorted, common);
  EXPECT_NE(sorted, order);
  // No identifier, and no hash of one that could be tried without the key, is in the exchange.
  for (const fs::directory_entry& entry : fs::directory_iterator(exchange())) {
    const testing_support::Bytes bytes = load(entry.path());
    EXPECT_EQ(std::string(bytes.begin(), bytes.end()).find("patient"), std::string::npos);
  }
  // A list in another owner's name, or altered, where it is not at hand yet.
  ASSERT_TRUE(fs::remove(path("a") / "s1" / "match-s1-b"));
  const testing_support::Bytes list = load(exchange("match-s1-b"));
  const auto refused = [&](const testing_support::Bytes& bytes) {
    store(exchange("match-s1-b"), bytes);
    EXPECT_NE(complaint("a").find("what 'b' has sent is refused"), std::string::npos);
    EXPECT_FALSE(fs::exists(exchange("rows-s1-a")));
  };
  refused(load(exchange("match-s1-a")));
  testing_support::Bytes altered = list;
  altered[altered.size() / 2] ^= 1;
  refused(altered);
  store(exchange("match-s1-b"), list);
  // A message that says more rows than its record has costs no memory for them: 1.9 GB.
  {
    const auto peak = [] {
      rusage used{};
      getrusage(RUSAGE_SELF, &used);
      return used.ru_maxrss;  // KiB
    };
    const testing_support::Bytes honest = load(exchange("match-commit-s1-b"));
    StudyMessage said = party("a").owner->heard(kMatchCommit, "b");
    said.body["rows"] = 120'000'000;
    store_text(exchange("match-commit-s1-b"), signed_text(said, key_of("b")));
    const auto seen = path("a") / "seen" / "match-commit-s1-b";
    fs::remove(seen);
    const long before = peak();
    EXPECT_NE(complaint("a").find("expected 1920000016"), std::string::npos);
    EXPECT_LT(peak() - before, 1L << 20);
    fs::remove(seen);
    store(exchange("match-commit-s1-b"), honest);
  }

  run();
  for (const std::string& name : draft_.owners) {
    EXPECT_EQ(complaint(name), "");
    const nlohmann::json report = read_json(path(name) / "report.json");
    EXPECT_EQ(report["rows"], common.size());
    EXPECT_EQ(report["matching"]["used"], common.size());
    EXPECT_EQ(report["matching"]["without_identifier"], name == "a" ? 1 : 0);
    EXPECT_EQ(
        report["matching"]["not_at_all_owners"],
        report["matching"]["given"].get<std::size_t>() - common.size() - (name == "a" ? 1u : 0u));
  }
}

TEST_F(StudyTrainingTest, AnyTwoOfThreeOpenTheModelForAll) {
  create(StudyDraft::Whitening::kPooled, false, false, 2);
  run([&] { return fs::exists(exchange("data-s1-b")); });
  // From here on b is away.
  const std::vector<std::string> present{"a", "c", "server"};
  run(present, [&] { return fs::exists(exchange("here-s1-a")); });
  const SigningKey key = read_signing_key(path("server") / "identity");
  const auto names = [&](const std::vector<std::string>& owners, const std::string& model) {
    const Party a = party("a");
    store_text(exchange("decryptors-s1-server"),
               signed_text({kDecryptors,
                            "server",
                            a.owner->manifest().digest,
                            1,
                            {{"contents", model.empty() ? to_hex(model_contents(*a.owner)) : model},
                             {"owners", owners}}},
                           key));
  };
  const auto refused = [&](const std::vector<std::string>& owners, const std::string& why,
                           const std::string& model = "") {
    names(owners, model);
    const std::string said = complaint("a");
    EXPECT_NE(said.find("what 'server' has sent is refused"), std::string::npos) << said;
    EXPECT_NE(said.find(why), std::string::npos) << said;
    EXPECT_FALSE(fs::exists(path("a") / "s1" / "share")) << why;
    fs::remove(path("a") / "seen" / "decryptors-s1-server");
  };
  refused({"a", "b"}, "names 'b', who has not said that it is there");
  refused({"a"}, "names no 2 owners");
  refused({"c", "a"}, "names no 2 owners");
  refused({"a", "a"}, "names no 2 owners");
  refused({"a", "d"}, "names no 2 owners");
  refused({"a", "c"}, "who opens another model", std::string(64, '0'));
  fs::remove(exchange("decryptors-s1-server"));
  run(present);
  for (const char* name : {"a", "c"}) {
    EXPECT_EQ(complaint(name), "");
    EXPECT_EQ(step(name).kind, Advance::Kind::kFinished) << name;
  }
  const auto weights = [&](const std::string& name) {
    return load_classifier(path(name) / "s1" / "model.npz").classifier.weights;
  };
  const nlohmann::json report = read_json(path("a") / "report.json");
  EXPECT_EQ(report["opened_by"], (nlohmann::json{"a", "c"}));
  EXPECT_GT(report["accuracy"], 0.85);
  EXPECT_LT(report["bits"], 1);
  EXPECT_EQ(weights("a"), weights("c"));
  // Back again it has the model, and has given no share of it.
  EXPECT_FALSE(fs::exists(path("b") / "report.json"));
  EXPECT_EQ(complaint("b"), "");
  EXPECT_EQ(step("b").kind, Advance::Kind::kFinished);
  EXPECT_EQ(weights("b"), weights("a"));
  EXPECT_FALSE(fs::exists(path("b") / "s1" / "share"));
  EXPECT_FALSE(fs::exists(exchange("share-s1-b")));

  // A server that names b, too, who says that it was there: a has seen others before; and where its folder was put back
  // from a copy that had not, its ledger has.
  {
    const Party b = party("b");
    store_text(exchange("here-s1-b"),
               signed_text({kHere,
                            "b",
                            b.owner->manifest().digest,
                            1,
                            {{"contents", to_hex(model_contents(*b.owner))}}},
                           b.owner->signing_key()));
  }
  names({"a", "b"}, "");
  for (const char* file : {"report.json", "s1/model.npz", "said/answer-s1-a", "s1/share"})
    EXPECT_TRUE(fs::remove(path("a") / file)) << file;
  EXPECT_TRUE(fs::remove(exchange("answer-s1-a")));
  EXPECT_TRUE(fs::remove(exchange("share-s1-a")));
  EXPECT_NE(complaint("a").find("another message than 'server' has sent before"),
            std::string::npos);
  EXPECT_TRUE(fs::remove(path("a") / "seen" / "decryptors-s1-server"));
  EXPECT_NE(complaint("a").find("a share of it was given to others"), std::string::npos);
  EXPECT_FALSE(fs::exists(exchange("share-s1-a")));
}

TEST_F(StudyTrainingTest, TheOthersGoOnWithoutAnOwnerWhoIsAway) {
  // c has said nothing yet, or its rows, or everything but its data. In one batch the order of rows does not count.
  whole_batch_ = true;
  const struct {
    const char *until, *from;
  } cases[] = {{"opening.part", "rows"}, {"rows-s1-c", "statistics"}, {"stats-share-s1-c", "data"}};
  const std::vector<std::string> present{"a", "b", "server"};
  for (const auto& [until, from] : cases) {
    SCOPED_TRACE(from);
    for (const char* folder : {"a", "b", "c", "server", "exchange"}) fs::remove_all(path(folder));
    fs::create_directory(exchange());
    heard_.clear();
    without_.clear();
    create(StudyDraft::Whitening::kPooled, false, false, 2);
    run([&, last = until] {  // clang 14 captures no part of a binding
      return fs::exists(exchange(last)) || fs::exists(path("c") / "s1" / last);
    });
    run(present);
    EXPECT_FALSE(fs::exists(exchange("model-s1-server")));
    EXPECT_FALSE(fs::exists(exchange("data-s1-c")));
    // Who is missing is told, and that the others may go on.
    const Advance waits = step("a");
    ASSERT_EQ(waits.kind, Advance::Kind::kWaits);
    EXPECT_EQ(waits.awaited.at(0).from, "c");
    EXPECT_TRUE(may_go_on_without(*party("a").owner, waits.awaited));

    without_["a"] = {"c"};
    EXPECT_EQ(step("a").kind, Advance::Kind::kActed);
    const Advance alone = step("a");
    ASSERT_EQ(alone.kind, Advance::Kind::kWaits);
    EXPECT_EQ(alone.awaited.at(0).what, "without-s1-b");
    EXPECT_FALSE(left_out(*party("a").owner));
    without_["b"] = {"c"};
    run(present);
    without_.clear();  // said once
    for (const char* name : {"a", "b"}) {
      EXPECT_EQ(complaint(name), "");
      EXPECT_EQ(step(name).kind, Advance::Kind::kFinished) << name;
    }
    EXPECT_EQ(to_json(left_out(*party("b").owner).value()),
              (nlohmann::json{{"owners", {"c"}}, {"from", from}}));

    Dataset all = rows_of(0, kRowsOf[0], 1), counted = all;
    const auto join = [](Dataset& to, const Dataset& more) {
      to.features.conservativeResize(to.features.rows() + more.features.rows(), Eigen::NoChange);
      to.features.bottomRows(more.features.rows()) = more.features;
      to.labels.insert(to.labels.end(), more.labels.begin(), more.labels.end());
    };
    for (Dataset* to : {&all, &counted}) join(*to, rows_of(1, kRowsOf[1], 1));
    if (std::string(from) == "data") join(counted, rows_of(2, kRowsOf[2], 1));
    const Whitening map = Whitening::fit(counted.features);
    all.features = map.apply(all.features);
    const LinearClassifier clear = map.unfold(train_plain(all, nullptr, draft_.config).model);
    const nlohmann::json report = read_json(path("a") / "report.json");
    EXPECT_EQ(report["rows"], 131);
    EXPECT_EQ(report["without"], nlohmann::json{"c"});
    EXPECT_EQ(report["opened_by"], (nlohmann::json{"a", "b"}));
    EXPECT_LT(report["bits"], 1);
    const LinearClassifier model = load_classifier(path("a") / "s1" / "model.npz").classifier;
    const Eigen::MatrixXd test = rows_of(0, 200, 2).features.cast<double>();
    const Eigen::MatrixXd opened = scores(model, test.cast<float>()),
                          expected = scores(clear, test.cast<float>());
    const double apart = (opened - expected).cwiseAbs().maxCoeff();
    std::printf("without c from %s on: logits at most %.4f from those in the clear, %.3f large\n",
                from, apart, expected.cwiseAbs().maxCoeff());
    EXPECT_LT(apart, 0.05 * expected.cwiseAbs().maxCoeff());

    // Back again it sends nothing more of its own, and has the model.
    EXPECT_EQ(complaint("c"), "");
    EXPECT_EQ(step("c").kind, Advance::Kind::kFinished);
    EXPECT_FALSE(fs::exists(exchange("data-s1-c")));
    EXPECT_EQ(load_classifier(path("c") / "s1" / "model.npz").classifier.weights, model.weights);
    StudyServer server(
        {path("server"), std::make_shared<FolderChannel>(exchange(), "server-looks"), true, false});
    EXPECT_EQ(study_audit(server).transcript.data, study_data_contents(server));
  }
}

TEST_F(StudyTrainingTest, AServerThatHadTheDataOfAnOwnerWhoIsLeftOutBeginsAnew) {
  create(StudyDraft::Whitening::kNone, false, false, 2);
  run([&] {
    return std::ranges::all_of(draft_.owners, [&](const std::string& name) {
      return fs::exists(exchange("rows-s1-" + name));
    });
  });
  // c's are the last, and come to the server alone.
  for (const std::string& name : draft_.owners)
    while (!fs::exists(exchange("data-s1-" + name))) (void)step(name);
  {
    StudyServer server(
        {path("server"), std::make_shared<FolderChannel>(exchange(), "server"), true});
    TrainingEvents events;
    events.training = [](int done, double) {
      if (done == 2) throw std::runtime_error("killed");
    };
    const StudyServerTraining training(server, events);
    EXPECT_THROW((void)server.step(), std::runtime_error);
  }
  EXPECT_TRUE(fs::exists(path("server") / "s1" / "checkpoint.enc"));
  for (const char* record : {"data-s1-c", "data-commit-s1-c"})
    fs::rename(exchange(record), path(record));
  without_["a"] = without_["b"] = {"c"};
  run({"a", "b", "server"});
  for (const char* name : {"a", "b"}) {
    EXPECT_EQ(complaint(name), "");
    EXPECT_EQ(step(name).kind, Advance::Kind::kFinished) << name;
  }
  EXPECT_EQ(complaint("server"), "");
  EXPECT_EQ(read_json(path("a") / "report.json")["without"], nlohmann::json{"c"});
  audit_from_the_exchange();
}

TEST_F(StudyTrainingTest, AServerAtWorkHearsWhomTheOthersGoOnWithout) {
  create(StudyDraft::Whitening::kNone, false, false, 2);
  run([&] {
    return std::ranges::all_of(draft_.owners, [&](const std::string& name) {
      return fs::exists(exchange("data-s1-" + name));
    });
  });
  // c's have come to the server alone, and it is told while it trains.
  const auto say_it = [&] {
    for (const char* record : {"data-s1-c", "data-commit-s1-c"})
      fs::rename(exchange(record), path(record));
    for (const char* name : {"a", "b"}) {
      fs::remove(path(name) / "seen" / "data-commit-s1-c");
      without_[name] = {"c"};
      (void)step(name);
    }
  };
  {
    StudyServer server(
        {path("server"), std::make_shared<FolderChannel>(exchange(), "server"), true});
    TrainingEvents events;
    bool told = false;
    events.training = [&](int done, double) {
      if (done == 2 && !std::exchange(told, true)) say_it();
    };
    const StudyServerTraining training(server, events);
    EXPECT_EQ(server.step().kind, Advance::Kind::kActed);
    EXPECT_TRUE(told);
    EXPECT_FALSE(fs::exists(exchange("model-s1-server")));
  }
  run({"a", "b", "server"});
  for (const char* name : {"a", "b"}) {
    EXPECT_EQ(complaint(name), "");
    EXPECT_EQ(step(name).kind, Advance::Kind::kFinished) << name;
    EXPECT_EQ(read_json(path(name) / "report.json")["without"], nlohmann::json{"c"});
  }
  // No step is left of the training on all.
  audit_from_the_exchange();
}

TEST_F(StudyTrainingTest, AModelOfAllComesBeforeAWordThatItDidNotKnow) {
  create(StudyDraft::Whitening::kNone, false, false, 2);
  run([&] {
    return std::ranges::all_of(draft_.owners, [&](const std::string& name) {
      return fs::exists(exchange("rows-s1-" + name));
    });
  });
  while (!fs::exists(exchange("data-s1-a"))) (void)step("a");
  without_["a"] = {"c"};
  (void)step("a");
  ASSERT_TRUE(fs::exists(exchange("without-s1-a")));
  without_.clear();
  EXPECT_EQ(step("a").awaited.at(0).what, "without-s1-b");
  // c is back; what a has said lapses as nothing waits for it.
  run([&] { return fs::exists(exchange("data-s1-c")); });
  EXPECT_EQ(leaving_words(*party("a").owner), "");
  EXPECT_EQ(lapsed_words(*party("a").owner),
            "'a' would have gone on without 'c', which not all others have said, and nothing waits "
            "for it any more");
  without_["b"] = {"c"};
  EXPECT_NE(complaint("b").find("'c' has sent its data"), std::string::npos);
  without_.clear();
  run([&] { return fs::exists(exchange("transcript-s1-server")); });
  without_["b"] = {"c"};
  EXPECT_NE(complaint("b").find("the server has said its model"), std::string::npos);
  without_.clear();
  // b had said it, too, and nobody knew: the model is of all nevertheless, and all have it.
  {
    const Party b = party("b");
    store_text(exchange("without-s1-b"), signed_text({kWithout, "b", b.owner->manifest().digest, 1,
                                                      to_json(LeftOut{{"c"}, Stage::kData})},
                                                     b.owner->signing_key()));
    EXPECT_FALSE(left_out(*b.owner));
  }
  // Where c's have not come yet, it is told from a model of others' by nobody.
  fs::rename(exchange("data-commit-s1-c"), path("late"));
  fs::remove(path("a") / "seen" / "data-commit-s1-c");
  const Advance waits = step("a");
  ASSERT_EQ(waits.kind, Advance::Kind::kWaits);
  EXPECT_EQ(waits.awaited.at(0).what, "data-commit-s1-c");
  EXPECT_NE(waits.awaited.at(0).state, "");
  fs::rename(path("late"), exchange("data-commit-s1-c"));
  run();
  for (const std::string& name : draft_.owners) {
    EXPECT_EQ(complaint(name), "");
    EXPECT_EQ(step(name).kind, Advance::Kind::kFinished) << name;
    EXPECT_FALSE(read_json(path(name) / "report.json").contains("without"));
  }
  EXPECT_EQ(complaint("server"), "");
}

TEST_F(StudyTrainingTest, WhoHearsThatOthersGoOnWithoutSomebodySendsNothingThatKeepsThemFromIt) {
  const struct {
    const char *until, *next;
  } cases[] = {{"opening.part", "stats-s1-b"}, {"rows-s1-c", "stats-answer-s1-b"}};
  for (const auto& [until, next] : cases) {
    SCOPED_TRACE(next);
    for (const char* folder : {"a", "b", "c", "server", "exchange"}) fs::remove_all(path(folder));
    fs::create_directory(exchange());
    heard_.clear();
    without_.clear();
    create(StudyDraft::Whitening::kPooled, false, false, 2);
    run([&, last = until] {
      return fs::exists(exchange(last)) || fs::exists(path("c") / "s1" / last);
    });
    run({"a", "b", "server"});
    without_["a"] = {"c"};
    (void)step("a");
    ASSERT_TRUE(fs::exists(exchange("without-s1-a")));
    without_.clear();
    // c is back before b has said it: b waits for its operator, and for nobody else.
    run();
    EXPECT_FALSE(fs::exists(exchange(next)));
    const Advance held = step("b");
    ASSERT_EQ(held.kind, Advance::Kind::kWaits);
    EXPECT_EQ(held.awaited.at(0).what, kWithout);
    EXPECT_TRUE(waits_for_operator(held, "b"));
    without_["b"] = {"c"};
    (void)step("b");
    without_.clear();
    run();
    for (const std::string& name : draft_.owners) {
      EXPECT_EQ(complaint(name), "") << name;
      EXPECT_EQ(step(name).kind, Advance::Kind::kFinished) << name;
      EXPECT_EQ(read_json(path(name) / "report.json")["without"], nlohmann::json{"c"}) << name;
    }
  }
}

TEST_F(StudyTrainingTest, AWordLapsesWhereAnotherHasSentWhatItCannotHoldFor) {
  create(StudyDraft::Whitening::kPooled, false, false, 2);
  run([&] { return fs::exists(exchange("rows-s1-c")); });
  run({"a", "b", "server"});
  without_["a"] = {"c"};
  (void)step("a");
  ASSERT_TRUE(fs::exists(exchange("without-s1-a")));
  without_.clear();
  // b has not heard it, and answers the statistics of all.
  fs::rename(exchange("without-s1-a"), path("late"));
  run({"b", "c", "server"});
  ASSERT_TRUE(fs::exists(exchange("stats-answer-s1-b")));
  fs::rename(path("late"), exchange("without-s1-a"));
  run();
  for (const std::string& name : draft_.owners) {
    EXPECT_EQ(complaint(name), "") << name;
    EXPECT_EQ(step(name).kind, Advance::Kind::kFinished) << name;
    EXPECT_FALSE(read_json(path(name) / "report.json").contains("without")) << name;
  }
}

TEST_F(StudyTrainingTest, AWordOfRowsLapsesOnceWhoWasMissingHasSentItsData) {
  create(StudyDraft::Whitening::kNone, false, false, 2);
  run([&] { return fs::exists(path("c") / "s1" / "opening.part"); });
  run({"a", "b", "server"});
  without_["a"] = {"c"};
  (void)step("a");
  ASSERT_EQ(said_without(*party("b").owner, "a").value().from, Stage::kRows);
  without_.clear();
  // c is back with rows and data, which take no others' but rows.
  run({"c", "server"});
  ASSERT_TRUE(fs::exists(exchange("data-s1-c")));
  EXPECT_FALSE(is_asked(*party("b").owner, Stage::kData)) << "it would be refused";
  EXPECT_EQ(step("a").awaited.at(0).what, "data-commit-s1-b");
  run();
  for (const std::string& name : draft_.owners) {
    EXPECT_EQ(complaint(name), "") << name;
    EXPECT_EQ(step(name).kind, Advance::Kind::kFinished) << name;
    EXPECT_FALSE(read_json(path(name) / "report.json").contains("without")) << name;
  }
}

TEST_F(StudyTrainingTest, WhoGoesOnWithoutAnothersDataStillSaysItsRows) {
  create(StudyDraft::Whitening::kNone, false, false, 2);
  run([&] { return fs::exists(path("a") / "s1" / "opening.part"); });
  run({"b", "c", "server"});
  ASSERT_TRUE(fs::exists(exchange("rows-s1-c")));
  ASSERT_FALSE(fs::exists(exchange("rows-s1-a")));
  while (!party("a").owner->ready()) (void)step("a");
  without_["a"] = {"c"};
  run({"a"});
  ASSERT_TRUE(fs::exists(exchange("without-s1-a")));
  without_.clear();
  run();
  for (const std::string& name : draft_.owners) {
    EXPECT_EQ(complaint(name), "") << name;
    EXPECT_EQ(step(name).kind, Advance::Kind::kFinished) << name;
  }
}

TEST_F(StudyTrainingTest, APartOfScoresSaysWhenItWasMade) {
  create(StudyDraft::Whitening::kNone, /*columns=*/true);
  run([&] { return party("a").owner->missing_joins().empty(); });
  const Party a = party("a");
  const StudyManifest& manifest = a.owner->manifest();
  PartialScores part{.owner = "b",
                     .model = "00",
                     .made = {},
                     .scores = Eigen::MatrixXd(2, 2),
                     .rows = {"01", "02"}};
  part.scores << 1, 2, 3, 4;
  // As an earlier version has signed it, which said nothing of it.
  Sha256 hash;
  hash.add(manifest.digest);
  for (const std::string& word : {part.owner, part.model}) hash.add_number(word.size()).add(word);
  hash.add_number(2).add_number(2).add(
      {reinterpret_cast<const std::uint8_t*>(part.scores.data()), 4 * sizeof(double)});
  hash.add_number(2);
  for (const std::string& row : part.rows) hash.add_number(row.size()).add(row);
  part.signature = key_of("b").sign("blindtuner study part 1", to_hex(hash.finish()));
  EXPECT_NO_THROW(require_signed(manifest, part, "part"));
  save_partial_scores(path("part.npz"), part);
  EXPECT_EQ(load_partial_scores(path("part.npz")).made, "");
  part.made = "2026-01-31T12:00:00Z";
  EXPECT_THROW(require_signed(manifest, part, "part"), DataError);
  save_partial_scores(path("part.npz"), part);
  EXPECT_EQ(load_partial_scores(path("part.npz")).made, part.made);
  part.made = "2026-01-31 12:00:00";
  save_partial_scores(path("part.npz"), part);
  EXPECT_THROW((void)load_partial_scores(path("part.npz")), DataError);
}

TEST_F(StudyTrainingTest, ARecipientAloneGetsTheModel) {
  create(StudyDraft::Whitening::kPooled, false, false, 2, "lab");
  run([&] { return party("a").owner->missing_joins().empty(); });
  heard_ = party("a").owner->fingerprint().value();
  // Another's keys in the recipient's place are another fingerprint than what was read out.
  const testing_support::Bytes honest = load(exchange("join-lab"));
  {
    const Party a = party("a");
    const SigningKey other = SigningKey::generate();
    const StudyParty rogue{"lab", other.public_key(), {9}};
    store_text(
        exchange("join-lab"),
        signed_text(join_message(draft_digest(*a.owner->exchange().find("draft")), rogue), other));
  }
  EXPECT_NE(complaint("a").find("is not that of the study in this exchange"), std::string::npos);
  store(exchange("join-lab"), honest);
  run();
  EXPECT_EQ(complaint("lab"), "");
  EXPECT_EQ(step("lab").kind, Advance::Kind::kFinished);
  const nlohmann::json report = read_json(path("lab") / "report.json");
  EXPECT_EQ(report["recipient"], "lab");
  EXPECT_FALSE(report.contains("bits"));
  const LinearClassifier model = load_classifier(path("lab") / "s1" / "model.npz").classifier;
  for (std::size_t k = 0; k < 3; ++k) {
    const Dataset test = rows_of(k, 200, 2);
    EXPECT_GT(accuracy(predict(scores(model, test.features)), test.labels), 0.85);
  }
  const std::vector<std::string> by = report["opened_by"];
  for (const std::string& name : draft_.owners) {
    EXPECT_EQ(complaint(name), "");
    EXPECT_EQ(step(name).kind, Advance::Kind::kFinished);
    EXPECT_FALSE(fs::exists(path(name) / "report.json"));
    EXPECT_FALSE(fs::exists(path(name) / "s1" / "model.npz"));
    for (const char* kept : {"stats", "stats-share", "data"})
      EXPECT_FALSE(fs::exists(path(name) / "s1" / kept)) << kept;
    // Of what the exchange loses from here on the shares are missed alone.
    fs::remove(exchange("data-s1-" + name));
    fs::remove(exchange("share-s1-" + name));
    EXPECT_EQ(complaint(name), "");
    EXPECT_EQ(fs::exists(exchange("share-s1-" + name)), std::ranges::find(by, name) != by.end());
  }
  // An owner that looks all the same finds nothing sealed to it, and nor does whoever has the recipient's name alone.
  const Party a = party("a");
  const JointRun study = study_run(*a.owner);
  const Sha256Digest contents = model_contents(*a.owner);
  const CiphertextShape shape =
      model_shape(*study.parameters, study.arrangement.layout, *study.circuit);
  const std::unique_ptr<ByteSource> source =
      a.owner->exchange().channel().find("share-s1-" + by.front());
  try {
    Sha256Digest read{};
    (void)receive_share(
        *source, study,
        {"model", draft_.index(by.front()), contents, decryptors_text(*a.owner, by)}, shape,
        report["noise"], a.owner->box_key(), read);
    ADD_FAILURE() << "no complaint";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("sealed to others"), std::string::npos);
  }
  // Its join, changed afterwards: whoever agreed has seen the first.
  fs::remove(path("c") / "said" / "answer-s1-c");
  store_text(exchange("join-lab"),
             signed_text(join_message(a.owner->manifest().draft_digest,
                                      {"lab", key_of("lab").public_key(), {9}}),
                         key_of("lab")));
  EXPECT_NE(complaint("c").find("another message than 'lab' has sent before"), std::string::npos);
}

}  // namespace
}  // namespace blindtuner::study_training_test
