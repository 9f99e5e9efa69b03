// libFuzzer's entry points. Without FUZZ_TARGET the names of all targets are printed; FUZZ_SEEDS
// names a folder into which the target's first corpus is written instead of running.
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

std::vector<Target> all_targets() {
  std::vector<Target> out;
  for (const std::span<const Target> some :
       {container_targets(), table_targets(), picture_targets(), encoder_targets()})
    out.insert(out.end(), some.begin(), some.end());
  return out;
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
  static const std::vector<Target> all = all_targets();
  const char* name = std::getenv("FUZZ_TARGET");
  for (const Target& one : all) {
    if (name == nullptr) std::puts(one.name);
    if (name != nullptr && std::strcmp(name, one.name) == 0) target = &one;
  }
  if (name == nullptr) std::exit(0);
  if (target == nullptr) {
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
  try {
    target->run({data, size});
  } catch (const DataError&) {
    // What bad bytes are answered with.
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  // Every other change is libFuzzer's: formats are not always kept to.
  if (target->mutate != nullptr && seed % 2 == 0) return target->mutate(data, size, most, seed / 2);
  return LLVMFuzzerMutate(data, size, most);
}
