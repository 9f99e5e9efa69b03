// libFuzzer's entry points. FUZZ_TARGET names the target that runs; with FUZZ_SEEDS, a folder, its
// first corpus is written there instead. With FUZZ_CORPUS, a folder of corpora, all targets run on all
// of theirs as if it were one input. With none of these the names of all targets are printed.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/error.h"
#include "base/parallel.h"
#include "fuzz.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace blindtuner::fuzz {
namespace {

const Target* target = nullptr;
const char* every_corpus = nullptr;

std::vector<Target> all_targets() {
  std::vector<Target> out;
  for (const std::span<const Target> some : {container_targets(), record_targets(), table_targets(),
                                             picture_targets(), encoder_targets()})
    out.insert(out.end(), some.begin(), some.end());
  return out;
}

/// Whether the target took the bytes.
bool run(const Target& one, Bytes bytes) {
  try {
    one.run(bytes);
    return true;
  } catch (const DataError&) {
    return false;  // what bad bytes are answered with
  }
}

// A line a target: its name, how many files there are, and how many of them it takes.
void run_corpus(const std::filesystem::path& folder) {
  for (const Target& one : all_targets()) {
    int files = 0, taken = 0;
    for (const auto& file : std::filesystem::directory_iterator(folder / one.name)) {
      ++files;
      taken += run(one, read_whole(file.path())) ? 1 : 0;
    }
    std::printf("TAKEN: %s %d %d\n", one.name, files, taken);
  }
  std::fflush(stdout);
}

struct Scratch {
  Scratch() {
    std::string name = std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp";
    name += "/blindtuner-fuzz-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    folder = name;
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  std::filesystem::path folder;
};

}  // namespace

const std::filesystem::path& scratch() {
  static const Scratch made;
  return made.folder;
}

void write_whole(const std::filesystem::path& path, Bytes bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  if (!out.flush()) std::abort();
}

std::filesystem::path scratch_file(const std::string& name, Bytes bytes) {
  const std::filesystem::path path = scratch() / name;
  write_whole(path, bytes);
  return path;
}

std::vector<std::uint8_t> read_whole(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<Bytes> split(Bytes bytes, std::size_t count) {
  std::vector<Bytes> parts;
  while (parts.size() + 1 < count) {
    const void* zero = bytes.empty() ? nullptr : std::memchr(bytes.data(), 0, bytes.size());
    const std::size_t length =
        zero == nullptr
            ? bytes.size()
            : static_cast<std::size_t>(static_cast<const std::uint8_t*>(zero) - bytes.data());
    parts.push_back(bytes.first(length));
    bytes = bytes.subspan(std::min(bytes.size(), length + 1));
  }
  parts.push_back(bytes);
  return parts;
}

}  // namespace blindtuner::fuzz

using namespace blindtuner;
using namespace blindtuner::fuzz;

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* name = std::getenv("FUZZ_TARGET");
  every_corpus = std::getenv("FUZZ_CORPUS");
  static const std::vector<Target> all = all_targets();
  for (const Target& one : all) {
    if (name == nullptr && every_corpus == nullptr) std::puts(one.name);
    if (name != nullptr && std::strcmp(name, one.name) == 0) target = &one;
  }
  if (name == nullptr && every_corpus == nullptr) std::exit(0);
  if (target == nullptr && every_corpus == nullptr) {
    std::fprintf(stderr, "no fuzz target '%s'\n", name);
    std::exit(2);
  }
  set_max_threads(1);
  if (const char* folder = std::getenv("FUZZ_SEEDS")) {
    if (target->seeds != nullptr) target->seeds(folder);
    std::exit(0);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (every_corpus == nullptr)
    run(*target, {data, size});
  else if (size > 0)  // libFuzzer does not look at what the empty input covers
    run_corpus(every_corpus);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  // Every other change is libFuzzer's: formats are not always kept to.
  if (target->mutate != nullptr && seed % 2 == 0) return target->mutate(data, size, most, seed / 2);
  return LLVMFuzzerMutate(data, size, most);
}
