#include "rlwe/written_parameters.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "base/error.h"
#include "base/input_file.h"
#include "base/json.h"
#include "base/path.h"

namespace blindtuner::rlwe {
namespace {

using nlohmann::json;

struct Range {
  std::int64_t least, most;
};
struct Section {
  const char* name;
  std::vector<int> ParametersLiteral::*bits;
  Range count, each;
};

constexpr std::int64_t kMostPrimes = 64;
constexpr std::size_t kMostName = 31;

const Section kSections[] = {
    {"slot_to_coeff_bits", &ParametersLiteral::slot_to_coeff_bits, {2, 4}, {36, 50}},
    {"circuit_bits", &ParametersLiteral::circuit_bits, {14, kMostPrimes}, {34, 50}},
    {"eval_mod_bits", &ParametersLiteral::eval_mod_bits, {8, 8}, {48, 50}},
    {"coeff_to_slot_bits", &ParametersLiteral::coeff_to_slot_bits, {2, 4}, {45, 50}},
    {"special_bits", &ParametersLiteral::special_bits, {1, 31}, {20, 50}},
};
struct Number {
  const char* name;
  int ParametersLiteral::*value;
  Range range;
};
const Number kNumbers[] = {
    {"log_n", &ParametersLiteral::log_n, {10, 16}},
    {"log_small_n", &ParametersLiteral::log_small_n, {5, 16}},
    {"q0_bits", &ParametersLiteral::q0_bits, {45, 50}},
    {"q1_bits", &ParametersLiteral::q1_bits, {45, 50}},
    {"small_special", &ParametersLiteral::small_special, {1, 31}},
    {"sparse_special", &ParametersLiteral::sparse_special, {1, 31}},
    {"modulus_range", &ParametersLiteral::modulus_range, {2, 16}},
};

/// Takes the members of the object one after the other.
class Reader {
 public:
  Reader(const JsonIn& object, std::string where) : object_(object), where_(std::move(where)) {}

  [[noreturn]] void fail(const std::string& what) const { throw DataError(where_ + ": " + what); }

  JsonIn take(const char* name) {
    taken_.insert(name);
    return object_.at(name);
  }
  std::int64_t number(const char* name, Range range) {
    return take(name).whole(range.least, range.most);
  }
  template <typename T>
  std::vector<T> list(const char* name, Range count, Range each) {
    const JsonIn values = take(name);
    const std::size_t size = values.size();
    if (std::int64_t(size) < count.least || std::int64_t(size) > count.most)
      values.refuse(std::to_string(count.least) + " to " + std::to_string(count.most) + " numbers");
    std::vector<T> out;
    for (std::size_t i = 0; i < size; ++i)
      out.push_back(static_cast<T>(values.at(i).whole(each.least, each.most)));
    return out;
  }
  void finish() const {
    for (const auto& [name, value] : object_.members())
      if (!taken_.contains(name)) fail("unknown parameter '" + name + "'");
  }

 private:
  JsonIn object_;
  std::string where_;
  std::set<std::string> taken_;
};

std::string read_name(Reader& in) {
  const JsonIn value = in.take("name");
  auto name = value.as<std::string>();
  const bool fits = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  });
  if (name.empty() || name.size() > kMostName || !fits)
    value.refuse("1 to 31 letters, digits, '.', '-' or '_'");
  return name;
}

const ParametersLiteral* find_built_in(const std::string& name) {
  try {
    return &find_parameters(name);
  } catch (const DataError&) {
    return nullptr;
  }
}

}  // namespace

bool built_in(const ParametersLiteral& literal) {
  const ParametersLiteral* known = find_built_in(literal.name);
  return known != nullptr && *known == literal;
}

std::string to_text(const ParametersLiteral& literal) {
  require(literal.owners == 1, "a written parameter set is one owner's");
  json out = {{"name", literal.name},
              {"sparse_weight", literal.sparse_weight},
              {"digit_ends", literal.digit_ends}};
  for (const Number& number : kNumbers) out[number.name] = literal.*number.value;
  for (const Section& section : kSections) out[section.name] = literal.*section.bits;
  return json_text(out);
}

ParametersLiteral parse_parameters(std::string_view text, const std::string& where) {
  const json object = parse_json(text, where);
  Reader in({object, where}, where);
  ParametersLiteral p;
  p.name = read_name(in);
  for (const Number& number : kNumbers)
    p.*number.value = static_cast<int>(in.number(number.name, number.range));
  for (const Section& section : kSections)
    p.*section.bits = in.list<int>(section.name, section.count, section.each);
  p.sparse_weight = static_cast<std::size_t>(in.number("sparse_weight", {1, 512}));
  p.digit_ends = in.list<std::size_t>("digit_ends", {1, 32}, {1, kMostPrimes});
  in.finish();
  if (p.log_small_n < p.log_n - 5) in.fail("'log_small_n' is less than 'log_n' - 5");
  if (p.slot_to_coeff_bits.size() != p.coeff_to_slot_bits.size())
    in.fail("'slot_to_coeff_bits' and 'coeff_to_slot_bits' have as many primes as each other");
  if (find_built_in(p.name) != nullptr && !built_in(p))
    in.fail("'" + p.name + "' is the name of a set of this program's, which is another");
  return p;
}

ParametersLiteral read_parameters(const std::filesystem::path& file) {
  const std::vector<std::uint8_t> bytes = read_file(file, kMaxParametersBytes);
  return parse_parameters({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                          quoted_path(file));
}

const ParametersLiteral& for_one_owner(const ParametersLiteral& literal) {
  if (literal.owners != 1)
    throw DataError("the parameter set '" + literal.name +
                    "' is for several owners, whose keys are not made here");
  return literal;
}

ParametersLiteral named_parameters(const std::string& name_or_file) {
  if (const ParametersLiteral* known = find_built_in(name_or_file)) return for_one_owner(*known);
  if (!path_exists(name_or_file)) return find_parameters(name_or_file);
  return read_parameters(name_or_file);
}

}  // namespace blindtuner::rlwe
