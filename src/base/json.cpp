
#include "base/json.h"

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "base/input_file.h"
#include "base/interrupt.h"
#include "base/utf8.h"

namespace blindtuner {
namespace {

using nlohmann::json;

/// Meets everything that the text holds, before any of it is kept.
class Guard final : public nlohmann::json_sax<json> {
 public:
  Guard(const std::string& where, std::size_t max_values)
      : where_(where), max_values_(max_values) {}

  bool null() override { return count(); }
  bool boolean(bool) override { return count(); }
  bool number_integer(std::int64_t) override { return count(); }
  bool number_unsigned(std::uint64_t) override { return count(); }
  bool number_float(double, const std::string&) override { return count(); }
  bool string(std::string&) override { return count(); }
  bool binary(json::binary_t&) override { return count(); }
  bool start_object(std::size_t) override { return nest(); }
  bool start_array(std::size_t) override { return nest(); }
  bool end_object() override { return unnest(); }
  bool end_array() override { return unnest(); }
  bool key(std::string& name) override {
    if (!names_.back().insert(name).second)
      throw DataError(where_ + ": '" + name.substr(0, 64) +
                      "' is there twice in one object of its JSON");
    return count();
  }
  bool parse_error(std::size_t byte, const std::string&, const json::exception& error) override {
    if (dynamic_cast<const json::out_of_range*>(&error) != nullptr)
      throw DataError(where_ + ": not JSON that can be read: a number is too large");
    throw DataError(where_ + ": not JSON, at byte " + std::to_string(byte));
  }

 private:
  bool count() {
    if (++values_ > max_values_)
      throw DataError(where_ + ": more than " + std::to_string(max_values_) +
                      " values and names in its JSON");
    if (values_ % 4096 == 0) throw_if_interrupted();
    return true;
  }
  bool nest() {
    if (names_.size() == kMaxJsonDepth)
      throw DataError(where_ + ": nested deeper than " + std::to_string(kMaxJsonDepth) +
                      " levels in its JSON");
    names_.emplace_back();
    return count();
  }
  bool unnest() {
    names_.pop_back();
    return true;
  }

  const std::string& where_;
  std::size_t max_values_, values_ = 0;
  std::vector<std::unordered_set<std::string>> names_;  // of what is open; none in a list
};

}  // namespace

json parse_json(std::string_view text, const std::string& where, std::size_t max_values) {
  // Twice: the library's own callback takes quadratic time in a list of objects.
  Guard guard(where, max_values);
  json::sax_parse(text, &guard);
  return json::parse(text);
}

json read_json(const std::filesystem::path& path, std::uint64_t max_bytes) {
  const InputFile file(path);
  const std::vector<std::uint8_t> bytes = file.read_all(max_bytes);
  return parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file.name());
}

JsonIn::JsonIn(const json& value, const JsonIn& whole, const std::string& part)
    : value_(&value), where_(whole.where_), path_(whole.path_) {
  if (!path_.empty() && !part.starts_with('[')) path_ += '.';
  path_ += part;
}

void JsonIn::fail(const std::string& what) const {
  throw DataError(where_ + ": " + (path_.empty() ? "its JSON " : "'" + path_ + "' ") + what);
}

void JsonIn::refuse(const std::string& expected) const {
  std::string is = value_->type_name();
  if (!value_->is_structured() && json_text(*value_).size() <= 40) is = json_text(*value_);
  fail("is " + is + ", expected " + expected);
}

bool JsonIn::is_null() const { return value_->is_null(); }

bool JsonIn::has(std::string_view name) const {
  if (!value_->is_object()) refuse("an object");
  return value_->contains(name);
}

JsonIn JsonIn::at(std::string_view name) const {
  const std::string part(name.substr(0, 64));
  if (!has(name)) {
    const JsonIn there(*value_, *this, part);
    there.fail("is missing");
  }
  return {value_->at(std::string(name)), *this, part};
}

std::vector<std::pair<std::string, JsonIn>> JsonIn::members() const {
  if (!value_->is_object()) refuse("an object");
  std::vector<std::pair<std::string, JsonIn>> out;
  for (const auto& [name, value] : value_->items())
    out.emplace_back(name, JsonIn(value, *this, name.substr(0, 64)));
  return out;
}

std::size_t JsonIn::size() const {
  if (!value_->is_array()) refuse("a list");
  return value_->size();
}

JsonIn JsonIn::at(std::size_t place) const {
  const std::string part = '[' + std::to_string(place) + ']';
  if (place >= size()) {
    const JsonIn there(*value_, *this, part);
    there.fail("is missing");
  }
  return {value_->at(place), *this, part};
}

std::string JsonIn::text() const {
  if (!value_->is_string()) refuse("a text");
  return value_->get<std::string>();
}

bool JsonIn::flag() const {
  if (!value_->is_boolean()) refuse("true or false");
  return value_->get<bool>();
}

double JsonIn::number() const {
  if (!value_->is_number()) refuse("a number");
  return value_->get<double>();
}

std::int64_t JsonIn::whole(std::int64_t least, std::int64_t most) const {
  const bool held = value_->is_number_integer() &&
                    (!value_->is_number_unsigned() ||
                     value_->get<std::uint64_t>() <= std::numeric_limits<std::int64_t>::max());
  if (!held || value_->get<std::int64_t>() < least || value_->get<std::int64_t>() > most)
    refuse("a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return value_->get<std::int64_t>();
}

std::string json_text(const json& value, int indent) {
  const std::string plain = plain_json_text(value, indent);
  std::string out;
  out.reserve(plain.size());
  // Outside of strings there are no others than line feeds.
  for (std::size_t at = 0; at < plain.size();) {
    const auto lead = static_cast<unsigned char>(plain[at]);
    if (lead < 0x7f) {
      out += plain[at++];
      continue;
    }
    std::size_t end = at + 1;
    while (end < plain.size() && (static_cast<unsigned char>(plain[end]) & 0xc0) == 0x80) ++end;
    const std::string point = plain.substr(at, end - at);
    const char32_t code = decode_utf8_leniently(point).front();
    if (steers_display(code)) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(code));
      out += escape.data();
    } else {
      out += point;
    }
    at = end;
  }
  return out;
}

std::string plain_json_text(const json& value, int indent) {
  return value.dump(indent, ' ', false, json::error_handler_t::replace);
}

}  // namespace blindtuner
