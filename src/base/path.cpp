#include "base/path.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <system_error>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/utf8.h"

namespace blindtuner {

std::string quoted_path(const std::filesystem::path& path) {
  std::string name = printable(path.string());
  name.insert(name.begin(), '\'');
  name.push_back('\'');
  return name;
}

bool is_not_told(const std::error_code& error) {
  switch (error.value()) {
    case 0:
    case ENOENT:
    case ENOTDIR:
    case EACCES:
    case EPERM:
    case ELOOP:
    case ENAMETOOLONG:
    case EISDIR:
    case EINVAL:
    case ENXIO:
    case ENODEV:
    case EOVERFLOW:
    case EOPNOTSUPP:
      return false;
    default:
      return true;
  }
}

namespace {

[[noreturn]] void refuse_to_guess(const std::filesystem::path& path, const std::error_code& error) {
  const std::string what = "cannot look for " + quoted_path(path) + ": " + error.message();
  if (is_not_told(error)) throw NotTold(what);
  throw DataError(what);
}

}  // namespace

bool path_exists(const std::filesystem::path& path) {
  std::error_code error;
  const bool found = std::filesystem::exists(path, error);
  if (error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory)
    refuse_to_guess(path, error);
  return found;
}

std::filesystem::file_type type_of(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::file_type type = std::filesystem::symlink_status(path, error).type();
  if (is_not_told(error)) refuse_to_guess(path, error);
  return type == std::filesystem::file_type::none ? std::filesystem::file_type::not_found : type;
}

bool same_file(const std::filesystem::path& a, const std::filesystem::path& b) {
  std::error_code error;
  const bool same = std::filesystem::equivalent(a, b, error);
  if (is_not_told(error)) refuse_to_guess(a, error);
  return same && !error;
}

void require_folder(const std::filesystem::path& path, std::string_view advice) {
  std::error_code error;
  if (path_exists(path) && std::filesystem::is_directory(path, error)) return;
  throw DataError(quoted_path(path) + ": there is no such folder" + (advice.empty() ? "" : ": ") +
                  std::string(advice));
}

void make_folder(const std::filesystem::path& path) {
  std::error_code error;
  // What is in a folder survives a crash where the folder's own name does.
  std::vector<std::filesystem::path> around;
  for (std::filesystem::path at = path; !at.empty() && !std::filesystem::exists(at, error);
       at = at.parent_path())
    around.push_back(at.has_parent_path() ? at.parent_path() : ".");
  std::filesystem::create_directories(path, error);
  if (!error)
    for (const std::filesystem::path& folder : around) flush_folder(folder);
  if (!error && !std::filesystem::is_directory(path, error) && !error)
    error = std::make_error_code(std::errc::not_a_directory);
  if (error)
    throw DataError("cannot make the folder " + quoted_path(path) + ": " + error.message());
}

void make_private_folder(const std::filesystem::path& path) {
  if (path.has_parent_path()) make_folder(path.parent_path());
  if (::mkdir(path.c_str(), 0700) == 0)
    flush_folder(path.has_parent_path() ? path.parent_path() : ".");
  else if (errno != EEXIST)
    throw DataError("cannot make " + quoted_path(path) + ": " +
                    std::generic_category().message(errno));
  make_folder(path);
}

void remove_path(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) throw DataError("cannot remove " + quoted_path(path) + ": " + error.message());
}

namespace {

/// Where a link leads, though nothing is there yet; what is none, itself.
std::filesystem::path linked(std::filesystem::path path, std::error_code& error) {
  namespace fs = std::filesystem;
  constexpr int kMostSteps = 40;
  for (int i = 0; !error && i < kMostSteps; ++i) {
    std::error_code link_error;
    const fs::path next = fs::read_symlink(path, link_error);
    if (link_error) break;
    path = path.parent_path() / next;
  }
  return path;
}

/// What a path is called in full, whatever it was written as: weakly_canonical() alone leaves a name that is not there
/// without its folder.
std::filesystem::path full(const std::filesystem::path& path, std::error_code& error) {
  namespace fs = std::filesystem;
  return fs::weakly_canonical(linked(fs::absolute(path, error), error), error);
}

}  // namespace

bool leads_to_same(const std::filesystem::path& a, const std::filesystem::path& b) {
  std::error_code error, other_error;
  const std::filesystem::path full_a = full(a, error), full_b = full(b, other_error);
  return !error && !other_error && full_a == full_b;
}

bool lies_within(const std::filesystem::path& path, const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  std::error_code error, folder_error;
  const fs::path inner = full(path, error),
                 outer =
                     fs::weakly_canonical(fs::absolute(folder, folder_error), folder_error) / "";
  const auto end = std::prev(outer.end());  // the name that is none behind the last slash
  return !error && !folder_error &&
         std::mismatch(outer.begin(), end, inner.begin(), inner.end()).first == end;
}

}  // namespace blindtuner
