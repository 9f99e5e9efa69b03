// A folder that goes away with the test, and files made of literal bytes.
#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace blindtuner::testing_support {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "blindtuner-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  std::size_t files() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path_)) ++count;
    return count;
  }

 private:
  std::filesystem::path path_;
};

inline void put_file(const std::filesystem::path& path, std::span<const std::uint8_t> bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

inline void put_file(const std::filesystem::path& path, std::string_view text) {
  put_file(path, std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

inline std::vector<std::uint8_t> get_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// The one-line message of the DataError that `action` must throw.
inline std::string data_error(const std::function<void()>& action) {
  try {
    action();
  } catch (const DataError& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    return text;
  }
  ADD_FAILURE() << "no DataError";
  return "";
}

inline void expect_data_error(const std::function<void()>& action, const std::string& part) {
  const std::string text = data_error(action);
  EXPECT_NE(text.find(part), std::string::npos) << "'" << text << "' lacks '" << part << "'";
}

/// Every proper beginning of a good file must be refused with DataError.
inline void expect_truncations_refused(const std::filesystem::path& path,
                                       std::span<const std::uint8_t> good,
                                       const std::function<void()>& read) {
  for (std::size_t length = 0; length < good.size(); ++length) {
    put_file(path, good.first(length));
    EXPECT_THROW(read(), DataError) << "of " << good.size() << " bytes, " << length;
  }
}

/// Every single-bit error (every `stride`-th one) either leaves a file that still reads or is
/// refused with DataError: nothing else is thrown, and nothing huge is allocated. Returns how many
/// were refused.
inline std::size_t flip_every_bit(const std::filesystem::path& path,
                                  std::span<const std::uint8_t> good,
                                  const std::function<void()>& read, std::size_t stride = 1) {
  std::size_t refused = 0;
  std::vector<std::uint8_t> bytes(good.begin(), good.end());
  for (std::size_t bit = 0; bit < 8 * bytes.size(); bit += stride) {
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    put_file(path, bytes);
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    try {
      read();
    } catch (const DataError&) {
      ++refused;
    } catch (const std::exception& error) {
      ADD_FAILURE() << "bit " << bit << ": " << error.what();
    }
  }
  return refused;
}

/// What became of `action` in a process of its own that may take `bytes` of memory more than this
/// one has: "good", a DataError's message, or "not enough memory". Without the limit where the
/// address sanitizer runs, which takes all addresses there are.
inline std::string within_memory([[maybe_unused]] std::size_t bytes,
                                 const std::function<void()>& action) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("pipe failed");
  const pid_t child = ::fork();
  if (child == 0) {
#ifndef __SANITIZE_ADDRESS__
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlim_t limit = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + bytes;
    const rlimit both{limit, limit};
    ::setrlimit(RLIMIT_AS, &both);
#endif
    std::string result = "good";
    try {
      action();
    } catch (const DataError& error) {
      result = error.what();
    } catch (const std::bad_alloc&) {
      result = "not enough memory";
    }
    result.resize(std::min<std::size_t>(result.size(), 4000));
    if (::write(ends[1], result.data(), result.size()) < 0) ::_exit(1);
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string result(4000, '\0');
  const ssize_t got = ::read(ends[0], result.data(), result.size());
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  result.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return status == 0 ? result : "ended by signal " + std::to_string(WTERMSIG(status));
}

}  // namespace blindtuner::testing_support
