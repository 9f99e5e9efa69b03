// What a server says of its run is taken whole, or refused with the member that is not what it must be.
#include "app/report/server_report.h"

#include "base/error.h"
#include "features/data/test_files.h"
#include "learn/training_config.h"

namespace blindtuner::app {
namespace {

using namespace testing_support;
using nlohmann::json;

json honest() {
  const json step = {{"step", 0},      {"seconds", 1.5}, {"weights", 0.1},       {"scores", 0.2},
                     {"bootstrap", 1}, {"softmax", 0.1}, {"slot_to_coeff", 0.1}, {"gradient", 0}};
  return {{"steps", 2},
          {"seconds",
           {{"reading_data", 1},
            {"reading_keys", 0.5},
            {"preparing", 2},
            {"training", 3},
            {"total", 6.5}}},
          {"seconds_per_step", {step, step}},
          {"peak_memory_bytes", 1e9},
          {"samples", 3}};
}

class ServerReportTest : public ::testing::Test {
 protected:
  ServerReport read(const json& report) const {
    put_file(folder_ / "server.json", report.dump());
    return read_server_report(folder_ / "server.json");
  }
  /// The member at `where`, as another.
  void expect_refusals(const json::json_pointer& where) const {
    const std::string name = where.back();
    json without = honest();
    without.at(where.parent_pointer()).erase(name);
    expect_data_error([&] { read(without); }, name + "' is missing");
    for (const json& other : {json(nullptr), json("x"), json(-1), json(1e300), json(json::array()),
                              json(json::object()), json(true)}) {
      json changed = honest();
      if (other.is_array() && name == "seconds_per_step") continue;  // no step was done
      changed.at(where) = other;
      expect_data_error([&] { read(changed); }, "server.json': not the report of a training: '");
    }
  }
  TemporaryFolder folder_;
};

TEST_F(ServerReportTest, Honest) {
  const ServerReport report = read(honest());
  EXPECT_EQ(report.steps, 2);
  EXPECT_EQ(report.seconds, honest()["seconds"]);
  EXPECT_EQ(report.seconds_per_step, honest()["seconds_per_step"]);
  EXPECT_EQ(report.peak_memory_bytes, 1e9);
}

TEST_F(ServerReportTest, EveryMemberIsNeeded) {
  for (const char* member : {"steps", "seconds", "seconds_per_step", "peak_memory_bytes"})
    expect_refusals(json::json_pointer(std::string("/") + member));
  json more = honest();
  for (const auto& [name, value] : more["seconds"].items())
    expect_refusals(json::json_pointer("/seconds/" + name));
  for (const auto& [name, value] : more["seconds_per_step"][1].items())
    expect_refusals(json::json_pointer("/seconds_per_step/1/" + name));
  more["seconds"]["<script>"] = 1;
  expect_data_error([&] { read(more); }, "'seconds' is object, expected no more than");
  expect_data_error([&] { read(json::array()); }, "expected an object");
}

}  // namespace
}  // namespace blindtuner::app
