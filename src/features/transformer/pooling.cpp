#include "features/transformer/pooling.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace blindtuner::features {
namespace {

using Kind = TokenPart::Kind;

/// N of "lastN"; 0 when it is no such term.
std::size_t last_blocks(const std::string& term) {
  if (!term.starts_with("last")) return 0;
  std::size_t number = 0;
  const char* const end = term.data() + term.size();
  const auto [at, error] = std::from_chars(term.data() + 4, end, number);
  return error == std::errc() && at == end && number >= 2 && number <= kMaxLast ? number : 0;
}

}  // namespace

const char* pooling_help() {
  return "tokens that become features: model (what the model itself uses), class, mean (of the "
         "patches, or of a text's tokens), last2 to last32 (class tokens of so many blocks), or "
         "several joined by +, such as class+mean";
}

Pooling Pooling::parse(const std::string& name) {
  Pooling out{name, {}};
  const auto refuse = [&](const std::string& why) {
    return DataError("--pooling '" + name.substr(0, 80) + "': " + why);
  };
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('+', begin), name.size());
    const std::string term = name.substr(begin, end - begin);
    const std::size_t last = last_blocks(term);
    if (term == "model") {
      out.parts.push_back({Kind::kModel, 0});
    } else if (term == "class") {
      out.parts.push_back({Kind::kClass, 0});
    } else if (term == "mean") {
      out.parts.push_back({Kind::kMean, 0});
    } else if (last > 0) {
      for (std::size_t back = last; back-- > 0;) out.parts.push_back({Kind::kClass, back});
    } else {
      throw refuse("expected model, class, mean or last2 to last" + std::to_string(kMaxLast) +
                   ", or several joined by +");
    }
    begin = end + 1;
  }
  auto sorted = out.parts;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    throw refuse("the same tokens twice");
  return out;
}

PoolingPlan PoolingPlan::of(const std::string& name) {
  if (name != kChoosePooling) return PoolingPlan({Pooling::parse(name)});
  std::vector<Pooling> all;
  for (const char* one : {"model", "class+mean", "last4", "last4+mean"})
    all.push_back(Pooling::parse(one));
  return PoolingPlan(std::move(all));
}

PoolingPlan PoolingPlan::within(std::size_t depth, const std::string& model) const {
  std::vector<Pooling> left;
  std::size_t asked = 0;
  for (const Pooling& pooling : poolings_) {
    const std::size_t deepest = PoolingPlan({pooling}).deepest();
    if (deepest < depth) left.push_back(pooling);
    asked = std::max(asked, deepest + 1);
  }
  if (left.empty())
    throw DataError(model + ": " + std::to_string(depth) +
                    " blocks, but --pooling asks for the last " + std::to_string(asked));
  return PoolingPlan(std::move(left));
}

PoolingPlan::PoolingPlan(std::vector<Pooling> poolings) : poolings_(std::move(poolings)) {
  require(!poolings_.empty(), "PoolingPlan: no poolings");
  for (const Pooling& pooling : poolings_)
    for (const TokenPart& part : pooling.parts)
      if (std::find(parts_.begin(), parts_.end(), part) == parts_.end()) parts_.push_back(part);
}

bool PoolingPlan::contains(Kind kind) const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [&](const TokenPart& part) { return part.kind == kind; });
}

std::size_t PoolingPlan::deepest() const {
  std::size_t out = 0;
  for (const TokenPart& part : parts_) out = std::max(out, part.back);
  return out;
}

std::string PoolingPlan::text() const {
  std::string out;
  for (const TokenPart& part : parts_) {
    if (!out.empty()) out += '+';
    out += part.kind == Kind::kModel ? "model" : part.kind == Kind::kClass ? "class" : "mean";
    if (part.back > 0) out += "-" + std::to_string(part.back);
  }
  return out;
}

std::vector<ColumnSet> PoolingPlan::columns(
    const std::function<std::size_t(const TokenPart&)>& width) const {
  std::vector<ColumnSet> out;
  for (const Pooling& pooling : poolings_) {
    out.push_back({pooling.name, {}});
    ColumnSet& set = out.back();
    for (const TokenPart& wanted : pooling.parts) {
      std::size_t first = 0;
      for (const TokenPart& part : parts_) {
        if (part == wanted) break;
        first += width(part);
      }
      set.ranges.emplace_back(first, width(wanted));
    }
  }
  return out;
}

}  // namespace blindtuner::features
