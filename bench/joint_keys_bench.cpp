// Keys of several owners: what they are off, what an owner's shares and their addition take.
//
//   bench_joint_keys noise PARAMETERS OWNERS
//   bench_joint_keys cost PARAMETERS OWNERS FOLDER [--features N] [--classes N]
//
// noise makes one key of every kind of so many owners and compares its error with docs/NOISE.md. cost writes one owner's
// records, as it sends them, to the folder (1.4 GB at full size; they are removed) and reads them as the server does, once.
// CPU time, the system's too, of all threads. One JSON object to stdout.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "app/common/report.h"
#include "base/error.h"
#include "base/parallel.h"
#include "cpu_time.h"
#include "io/file_stream.h"
#include "records/study/key_shares.h"
#include "secret/key_errors.h"

namespace {

using namespace blindtuner;
using bench::cpu_seconds;
using namespace blindtuner::testing_support;
using namespace blindtuner::records;
namespace fs = std::filesystem;

double cpu_seconds_of(auto&& work) {
  const double before = cpu_seconds();
  work();
  return cpu_seconds() - before;
}

nlohmann::json noise_of(const ParametersPtr& p, std::size_t count) {
  const JointOwners owners(p, count);
  nlohmann::json keys = nlohmann::json::array();
  for (const KeyErrors& e : JointKeyErrors(owners).of_each_kind(32)) {
    const double measured = statistics(e.values).std;
    keys.push_back({{"key", e.key},
                    {"coefficients", e.values.size()},
                    {"predicted", e.expected},
                    {"measured", measured},
                    {"ratio", measured / e.expected}});
  }
  return keys;
}

/// Takes bytes and keeps none.
class NoSink final : public ByteSink {
 public:
  void write(std::span<const std::uint8_t> bytes) override { size_ += bytes.size(); }
  void flush() override {}
  void commit() override {}
  std::uint64_t size() const { return size_; }

 private:
  std::uint64_t size_ = 0;
};

nlohmann::json cost_of(const ParametersPtr& p, std::size_t count, const fs::path& folder,
                       std::size_t features, std::size_t classes) {
  const ProductLayout layout = ProductLayout::plan(*p, 4096, features + 1, classes, 4096);
  const StudyKeyList list(p, layout, count, Seed{1}, KeyId{1});
  const SecretKeys secrets = SecretKeys::generate(p);
  const fs::path ways = folder / "ways", linear = folder / "shares", first = folder / "relin1",
                 second = folder / "relin2";
  std::vector<secret::joint::Relinearisation> rounds;
  std::vector<secret::joint::FirstRound> sums;
  const double make_linear = cpu_seconds_of([&] {
    ShareMaker maker(secrets, 0, count);
    FileSink way_in(ways);
    ShareWriter in(way_in, list, ShareKind::kWayIn, 0);
    for (const KeyPlan& plan : list.way_in)
      in.put(plan.name(), maker.make(plan, list.uniform(plan)));
    in.commit();
    FileSink sink(linear);
    ShareWriter out(sink, list, ShareKind::kLinear, 0);
    for (const KeyPlan& plan : list.linear())
      out.put(plan.name(), maker.make(plan, list.uniform(plan)));
    for (const ComponentMap& map : list.maps())
      out.put(key_name(map), make_share(list.uniform(map), map, secrets.small, p->insecure()));
    out.commit();
  });
  const double make_first = cpu_seconds_of([&] {
    FileSink sink(first);
    ShareWriter out(sink, list, ShareKind::kFirstRound, 0);
    for (const KeyPlan& plan : list.relinearisation()) {
      rounds.emplace_back(plan.small ? secrets.small : secrets.big, plan, p->insecure());
      sums.push_back(rounds.back().first(list.uniform(plan)));
      out.put(plan.name(), sums.back().h0);
      out.put(plan.name(), sums.back().h1);
    }
    out.commit();
  });
  const double make_second = cpu_seconds_of([&] {
    FileSink sink(second);
    ShareWriter out(sink, list, ShareKind::kSecondRound, 0);
    for (std::size_t i = 0; i < rounds.size(); ++i)
      out.put(list.relinearisation()[i].name(), rounds[i].second(sums[i]));
    out.commit();
  });
  const auto open = [&](FileSource& source, ShareKind kind) {
    return ShareReader(source, list, kind, 0);
  };
  // What an owner does with every owner's first round.
  const double read_first = cpu_seconds_of([&] {
    FileSource source(first);
    ShareReader in = open(source, ShareKind::kFirstRound);
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const std::string name = list.relinearisation()[i].name();
      secret::joint::FirstRound part;
      part.h0 = in.next(name);
      part.h1 = in.next(name);
      add_share(sums[i], std::move(part));
    }
    (void)in.finish();
  });
  // What the server does with every owner's records. The first share begins a sum, which takes a copy here.
  const double read_all = cpu_seconds_of([&] {
    for (const auto& [kind, path] :
         {std::pair{ShareKind::kWayIn, &ways}, std::pair{ShareKind::kLinear, &linear},
          std::pair{ShareKind::kFirstRound, &first}, std::pair{ShareKind::kSecondRound, &second}}) {
      FileSource source(*path);
      ShareReader in = open(source, kind);
      const auto take = [&](const std::string& name) {
        const KeyShare share = in.next(name);
        std::vector<Poly> sum;
        for (const Poly& x : share) sum.push_back(x.copy());
        for (std::size_t d = 0; d < share.size(); ++d) add_inplace(sum[d], share[d]);
      };
      if (kind == ShareKind::kWayIn) {
        for (const KeyPlan& plan : list.way_in) take(plan.name());
      } else if (kind == ShareKind::kLinear) {
        for (const KeyPlan& plan : list.linear()) take(plan.name());
        for (const ComponentMap& map : list.maps()) take(key_name(map));
      } else {
        for (const KeyPlan& plan : list.relinearisation()) {
          take(plan.name());
          if (kind == ShareKind::kFirstRound) take(plan.name());
        }
      }
      (void)in.finish();
    }
  });
  // And once for all of them: its own uniform halves, and the finished record.
  NoSink keys, way_in;
  const double finish = cpu_seconds_of([&] {
    const auto key = [&](const KeyPlan& plan) {
      KeySwitchKey out{plan.shape, Seed{}, list.uniform(plan), {}};
      if (plan.kind == KeyPlan::Kind::kRelinearisation) {
        out.a = list.uniform(plan);
        out.seeded = false;
      }
      return out;
    };
    (void)write_way_in_keys(way_in, list, key);
    (void)write_training_keys(keys, *p, list.id, layout, list.shapes, false,
                              {key, [&](const ComponentMap& map) {
                                 return ComponentMapKey{
                                     map, 2, p->small_special(), Seed{}, list.uniform(map), {}};
                               }});
  });
  nlohmann::json out = {{"features", features},
                        {"classes", classes},
                        {"width", layout.width},
                        {"bytes",
                         {{"shares", fs::file_size(ways) + fs::file_size(linear)},
                          {"first_round", fs::file_size(first)},
                          {"second_round", fs::file_size(second)},
                          {"evaluation_keys", keys.size()},
                          {"way_in_keys", way_in.size()}}},
                        {"cpu_seconds",
                         {{"shares", make_linear},
                          {"first_round", make_first},
                          {"second_round", make_second},
                          {"first_round_of_each_owner", read_first},
                          {"addition_of_each_owner", read_all},
                          {"finished_keys", finish}}}};
  for (const fs::path& path : {ways, linear, first, second}) fs::remove(path);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Keys of several owners");
  std::string what, parameters;
  std::size_t owners = 0, features = 768, classes = 10;
  fs::path folder;
  app.add_option("what", what)->required()->check(CLI::IsMember({"noise", "cost"}));
  app.add_option("parameters", parameters)->required();
  app.add_option("owners", owners)->required()->check(CLI::Range(2, 16));
  app.add_option("folder", folder);
  app.add_option("--features", features);
  app.add_option("--classes", classes);
  CLI11_PARSE(app, argc, argv);
  try {
    const ParametersPtr p = Parameters::create(find_parameters(parameters));
    if (what == "cost" && folder.empty()) throw DataError("cost needs a folder");
    nlohmann::json out = {
        {"parameters", parameters}, {"owners", owners}, {"threads", max_threads()}};
    out[what] =
        what == "noise" ? noise_of(p, owners) : cost_of(p, owners, folder, features, classes);
    out["cpu_seconds"] = cpu_seconds();
    out["peak_memory"] = app::peak_memory();
    double load[3] = {};
    (void)getloadavg(load, 3);
    out["load_average"] = load[0];
    std::cout << out.dump() << std::endl;
  } catch (const std::exception& error) {
    std::cerr << "bench_joint_keys: " << error.what() << "\n";
    return 1;
  }
}
