// Paths: asking the file system without surprises, and naming files in messages.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace blindtuner {

/// The path in single quotes, printable (base/utf8.h), for messages.
std::string quoted_path(const std::filesystem::path& path);

/// Whether something is there, links followed (a link to nothing: false). Where the system cannot
/// tell (denied access, a name too long, a loop of links), throws DataError that names the path and
/// the reason (NotTold where it is the system that fails): `std::filesystem::exists` throws an exception there that is
/// no DataError.
bool path_exists(const std::filesystem::path& path);

/// Whether the system failed to look: its error is none that the path has (not there, not permitted, no such
/// kind of file).
bool is_not_told(const std::error_code& error);

/// What is there itself, links not followed; not_found where nothing is. Throws NotTold.
std::filesystem::file_type type_of(const std::filesystem::path& path);

/// Whether both are there and one file, links followed. Throws NotTold.
bool same_file(const std::filesystem::path& a, const std::filesystem::path& b);

/// Throws DataError, which ends with the advice, where it is no folder: for what is only looked at, or that nobody else
/// would see if it were made here.
void require_folder(const std::filesystem::path& path, std::string_view advice = {});

/// Makes it, and the folders above it, unless it is there. Throws DataError: a folder that cannot be made.
void make_folder(const std::filesystem::path& path);
/// The same, for its owner alone (0700) where it was not there; those above it as they come.
void make_private_folder(const std::filesystem::path& path);

/// Removes it, a folder with all that is in it; nothing where it is not there. Throws DataError.
void remove_path(const std::filesystem::path& path);

/// Whether two paths are one, whether anything is there or not, links followed as far as they lead. False where that
/// cannot be told.
bool leads_to_same(const std::filesystem::path& a, const std::filesystem::path& b);

/// Whether a path is a folder or lies beneath it, whether they are there or not, links followed as far as
/// they lead. False where that cannot be told.
bool lies_within(const std::filesystem::path& path, const std::filesystem::path& folder);

}  // namespace blindtuner
