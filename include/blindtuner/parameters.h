// Parameter sets of the scheme.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace blindtuner {

/// A checked set: rings, levels, security. A value that costs nothing to copy and does not change. All
/// functions throw ContractError for one that was moved from.
///
/// A set of one's own is a JSON object of numbers that src/rlwe/written_parameters.h lists and bounds; json() of
/// a set that is there is the way to begin. Keys and everything made under it carry it.
class ParameterSet {
 public:
  /// The set for real use.
  static ParameterSet standard();
  /// A set that every program knows: "Standard", "InsecureTest10", .. Throws DataError.
  static ParameterSet named(const std::string& name);
  /// A set as json() gives it. `where` opens messages. Throws DataError for what is none, SecurityError for one
  /// below 128 bits whose name does not contain "Insecure".
  static ParameterSet from_json(std::string_view text, const std::string& where = "parameters");
  /// The same out of a file.
  static ParameterSet load(const std::filesystem::path& file);
  /// Writes the file, whole or not at all. Throws DataError, also for an owner's key, ledger or record in its place.
  void save(const std::filesystem::path& file) const;

  const std::string& name() const;
  /// SHA-256 over everything that matters, in hexadecimal: two sets that differ never share it.
  const std::string& digest() const;
  /// Below 128 bits.
  bool insecure() const;
  /// On one line.
  std::string json() const;

  struct [[gnu::visibility("hidden")]] State;
  const std::shared_ptr<const State>& state() const;  ///< the library's own

 private:
  explicit ParameterSet(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace blindtuner
#pragma GCC visibility pop
