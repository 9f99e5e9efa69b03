// Memory of a context: it goes back to the system with the last of what was made with it.
#include <blindtuner/owner.h>
#include <blindtuner/server.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <thread>

#include "api/fixture.h"

namespace blindtuner::testing_support {
namespace {

struct Pages {
  long mapped = 0, resident = 0;
  static Pages now() {
    ::malloc_trim(0);
    Pages out;
    std::ifstream("/proc/self/statm") >> out.mapped >> out.resident;
    return out;
  }
};

constexpr long kMiB = (1 << 20) / 4096;

/// Keys, a data set, a step of training and a model, all in one context, and what of it there is afterwards.
struct Made {
  TemporaryFolder folder;
  Context context = lenient();
  Owner owner = Owner::make_keys(context, folder / "keys", small(), kShape);
  std::optional<Training> training;

  Made() {
    owner.encrypt(Samples(kSamples).set(), DataUse::kTraining, folder / "data.enc");
    training = Server::load(context, owner.evaluation_keys()).train(folder / "data.enc", steps(1));
    (void)training->run();
    training->save_model(folder / "model.enc");
    EXPECT_EQ(owner.open_model(folder / "model.enc").steps, 1);
  }
};

TEST(ContextMemory, GoesBackWithAllThatWasMadeWithIt) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizers keep what is freed";
#endif
  ::mallopt(M_ARENA_MAX, 1);  // the system's allocator maps 64 MiB for a thread when it likes
  { const Made once; }        // what is made once in a process, and kept
  const Pages before = Pages::now();
  std::optional<Made> made(std::in_place);
  const Pages during = Pages::now();
  EXPECT_GT(during.mapped, before.mapped + 256 * kMiB);
  EXPECT_GT(during.resident, before.resident + 8 * kMiB);
  made.reset();
  const Pages after = Pages::now();
  EXPECT_LT(after.mapped, before.mapped + 64 * kMiB);
  EXPECT_LT(after.resident, before.resident + 4 * kMiB);
}

TEST(ContextMemory, IsKeptByWhatOutlivesIt) {
  TemporaryFolder folder;
  std::optional<Context> context(lenient());
  std::optional<Owner> owner = Owner::make_keys(*context, folder / "keys", small(), kShape);
  context.reset();
  owner->encrypt(Samples(kSamples).set(), DataUse::kTraining, folder / "data.enc");
  std::optional<Server> server = Server::load(lenient(), owner->evaluation_keys());
  owner.reset();
  std::optional<Training> training = server->train(folder / "data.enc", steps(2));
  server.reset();
  (void)training->step();
  // On another thread than it was made on, which sees the end of it.
  std::thread([moved = std::move(training), &folder]() mutable {
    EXPECT_EQ(moved->run(), TrainingEnd::kAllSteps);
    moved->save_model(folder / "model.enc");
    moved.reset();
  }).join();
  EXPECT_EQ(Owner::open(lenient(), folder / "keys").open_model(folder / "model.enc").steps, 2);
}

TEST(ContextMemory, OfSeveralAtOnceOnThreadsOfTheirOwn) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back([] { const Made made; });
}

TEST(ContextMemory, OfAParameterSetGoesWithIt) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizers keep what is freed";
#endif
  (void)ParameterSet::standard();
  const Pages before = Pages::now();
  std::optional<ParameterSet> set(ParameterSet::standard());
  EXPECT_GT(Pages::now().resident, before.resident + 32 * kMiB);  // tables of roots
  set.reset();
  EXPECT_LT(Pages::now().resident, before.resident + 4 * kMiB);
}

}  // namespace
}  // namespace blindtuner::testing_support
