// A task is told of from 0 on and ends once; nobody need listen.
#include "party/owner/listener.h"

#include <gtest/gtest.h>

#include <vector>

namespace blindtuner::party {
namespace {

TEST(Listener, HearsATaskFromItsBeginningAndOfItsEndOnce) {
  std::vector<std::pair<std::string, double>> heard;
  Listener listener;
  listener.progress = [&](const std::string& task, double fraction) {
    heard.emplace_back(task, fraction);
  };
  const Task task(listener, "making keys");
  task.update(0.5);
  task.update(1);
  task.finish();
  EXPECT_EQ(heard, (std::vector<std::pair<std::string, double>>{
                       {"making keys", 0}, {"making keys", 0.5}, {"making keys", 1}}));
}

TEST(Listener, NeedNotListen) {
  const Listener nobody;
  nobody.warn("w");
  nobody.tell("n");
  const Task task(nobody, "t");
  task.update(0.5);
  task.finish();
}

TEST(Listener, EndsTheWorkByThrowing) {
  Listener listener;
  listener.progress = [](const std::string&, double) { throw std::runtime_error("stop"); };
  EXPECT_THROW(Task(listener, "t"), std::runtime_error);
}

}  // namespace
}  // namespace blindtuner::party
