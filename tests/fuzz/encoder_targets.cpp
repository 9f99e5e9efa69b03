// Pretrained encoders: weights, settings, vocabularies.
#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>

#include "base/error.h"
#include "features/text/tokenizer.h"
#include "features/transformer/checkpoint.h"
#include "features/transformer/safetensors.h"
#include "features/transformer/sentence_modules.h"
#include "features/transformer/text_encoder.h"
#include "features/transformer/vision_transformer.h"
#include "fuzz.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace blindtuner::fuzz {
using namespace features;
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kMostData = 1 << 20;

std::size_t type_bytes(const std::string& type) {
  return type == "F32" ? 4 : type == "F16" || type == "BF16" ? 2 : 8;
}

// The end of the last tensor, for the data that a header asks for.
std::size_t data_bytes(const json& header) {
  std::size_t end = 0;
  if (!header.is_object()) return end;
  for (const auto& [name, entry] : header.items()) {
    if (!entry.is_object() || !entry.contains("data_offsets")) continue;
    const json& offsets = entry["data_offsets"];
    if (offsets.is_array() && offsets.size() == 2 && offsets[1].is_number_unsigned())
      end = std::max(end, offsets[1].get<std::size_t>());
  }
  return std::min(end, kMostData);
}

/// A .safetensors file: header as it is, with its length before it and the data it asks for behind.
fs::path model_file(const std::string& name, Bytes header) {
  const json parsed = json::parse(header.begin(), header.end(), nullptr, false);
  std::vector<std::uint8_t> file(8);
  const std::uint64_t length = header.size();
  std::memcpy(file.data(), &length, 8);
  file.insert(file.end(), header.begin(), header.end());
  // Small numbers in every type of float.
  file.resize(file.size() + data_bytes(parsed), 0x3c);
  return scratch_file(name, file);
}

void safetensors(Bytes bytes) {
  const SafetensorsFile file(scratch_file("raw.safetensors", bytes));
  for (const auto& [name, tensor] : file.tensors()) (void)file.read(name, tensor.shape);
}

fs::path folder(const char* name) {
  const fs::path path = scratch() / name;
  fs::create_directories(path / "1_Pooling");
  return path;
}

void write_or_remove(const fs::path& path, Bytes bytes) {
  if (bytes.empty())
    fs::remove(path);
  else
    write_whole(path, bytes);
}

// config.json, preprocessor_config.json, the tensors' header.
void vision(Bytes bytes) {
  static const fs::path here = folder("vision");
  const std::vector<Bytes> parts = split(bytes, 3);
  write_or_remove(here / "config.json", parts[0]);
  write_or_remove(here / "preprocessor_config.json", parts[1]);
  const VisionTransformer model =
      VisionTransformer::load(model_file("vision/model.safetensors", parts[2]));
  if (model.pixel_count() > 1 << 16) return;
  const std::vector<float> pixels(model.pixel_count(), 0.5f);
  std::vector<float> features(model.feature_count());
  model.features(pixels, 1, features);
}

// config.json, sentence_bert_config.json, modules.json, the pooling's config.json, the header.
void sentences(Bytes bytes) {
  static const fs::path here = folder("sentences");
  const std::vector<Bytes> parts = split(bytes, 5);
  const char* const names[] = {"config.json", "sentence_bert_config.json", "modules.json",
                               "1_Pooling/config.json"};
  for (std::size_t i = 0; i < 4; ++i) write_or_remove(here / names[i], parts[i]);
  (void)model_file("sentences/model.safetensors", parts[4]);
  const TextEncoder model = TextEncoder::load(here);
  const std::vector<std::int32_t> tokens = {0, 1, 2};
  const std::vector<std::size_t> lengths = {std::min<std::size_t>(3, model.config().max_tokens)};
  std::vector<float> features(model.feature_count());
  model.embed(std::span(tokens).first(lengths[0]), lengths, features);
}

// tokenizer.json, and a text to cut.
void tokenizer(Bytes bytes) {
  static const fs::path here = folder("tokenizer");
  const std::vector<Bytes> parts = split(bytes, 2);
  write_whole(here / "tokenizer.json", parts[0]);
  const auto pieces = Tokenizer::load(here);
  const std::string text(parts[1].begin(), parts[1].end());
  if (pieces->encode(text, 16).size() > 16) std::abort();
}

// vocab.txt, tokenizer_config.json, special_tokens_map.json, and a text to cut.
void vocabulary(Bytes bytes) {
  static const fs::path here = folder("vocabulary");
  const std::vector<Bytes> parts = split(bytes, 4);
  write_whole(here / "vocab.txt", parts[0]);
  write_or_remove(here / "tokenizer_config.json", parts[1]);
  write_or_remove(here / "special_tokens_map.json", parts[2]);
  const auto pieces = Tokenizer::load(here);
  const std::string text(parts[3].begin(), parts[3].end());
  if (pieces->encode(text, 16).size() > 16) std::abort();
}

// vocab.json, merges.txt, tokenizer_config.json, and a text to cut.
void byte_pairs(Bytes bytes) {
  static const fs::path here = folder("byte_pairs");
  const std::vector<Bytes> parts = split(bytes, 4);
  write_whole(here / "vocab.json", parts[0]);
  write_whole(here / "merges.txt", parts[1]);
  write_or_remove(here / "tokenizer_config.json", parts[2]);
  const auto pieces = Tokenizer::load(here);
  const std::string text(parts[3].begin(), parts[3].end());
  if (pieces->encode(text, 16).size() > 16) std::abort();
}

// A sharded model's index, beside two shards of a tensor each.
void model_index(Bytes bytes) {
  static const fs::path here = folder("model_index");
  static const bool made = [] {
    for (const std::string name : {"a", "b"}) {
      const std::string header =
          "{\"" + name + R"(":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
      model_file("model_index/" + name + ".safetensors",
                 {reinterpret_cast<const std::uint8_t*>(header.data()), header.size()});
    }
    return true;
  }();
  (void)made;
  write_whole(here / "model.safetensors.index.json", bytes);
  Checkpoint checkpoint(here);
  (void)checkpoint.read("a", {2});
}

// modules.json, the configurations of a pooling, a product, prompts and the encoder, the product's
// header.
void sentence_modules(Bytes bytes) {
  static const fs::path here = folder("sentence_modules");
  fs::create_directories(here / "2_Dense");
  const std::vector<Bytes> parts = split(bytes, 6);
  const char* const names[] = {"modules.json", "1_Pooling/config.json", "2_Dense/config.json",
                               "config_sentence_transformers.json", "sentence_bert_config.json"};
  for (std::size_t i = 0; i < 5; ++i) write_or_remove(here / names[i], parts[i]);
  (void)model_file("sentence_modules/2_Dense/model.safetensors", parts[5]);
  const SentenceModules modules = read_sentence_modules(here);
  for (const SentenceStep& step : modules.steps) {
    if (step.kind != SentenceStep::Kind::kDense || step.dense.bias.empty()) continue;
    std::vector<float> vector(step.dense.weight.size() / step.dense.bias.size(), 0.5f);
    step.apply(vector);
  }
}

/// Changes the last part's tensors so that shapes and offsets still fit each other: otherwise
/// nearly every change is refused before a shape is looked at.
std::size_t mutate_tensors(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed,
                           std::size_t count) {
  std::minstd_rand random(seed);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  const std::vector<Bytes> parts = split({data, size}, count);
  json header = json::parse(parts.back().begin(), parts.back().end(), nullptr, false);
  if (!header.is_object() || header.empty()) return LLVMFuzzerMutate(data, size, most);
  auto chosen = header.begin();
  std::advance(chosen, below(header.size()));
  const std::string name = chosen.key();
  json& entry = chosen.value();
  const bool whole = entry.is_object() && entry.contains("shape") && entry["shape"].is_array();
  constexpr std::uint64_t kSizes[] = {
      0, 1, 2, 3, 4, 7, 8, 16, 64, 1000, std::uint64_t{1} << 32, ~std::uint64_t{0}};
  switch (below(5)) {
    case 0:
      header.erase(name);
      break;
    case 1: {
      const json copy = entry;
      header.erase(name);
      header[std::string(
          name.begin(), name.begin() + static_cast<std::ptrdiff_t>(below(name.size() + 1)))] = copy;
      break;
    }
    case 2:
      if (whole) entry["dtype"] = std::vector<const char*>{"F32", "F16", "BF16", "I64"}[below(4)];
      break;
    default:
      if (!whole) break;
      if (json& shape = entry["shape"]; shape.empty() || below(4) == 0)
        shape.push_back(kSizes[below(std::size(kSizes))]);
      else if (below(4) == 0)
        shape.erase(shape.size() - 1);
      else
        shape[below(shape.size())] = kSizes[below(std::size(kSizes))];
  }
  std::uint64_t end = 0;
  for (auto& [key, value] : header.items()) {
    if (!value.is_object() || !value.contains("shape") || !value["shape"].is_array()) continue;
    std::uint64_t bytes =
        value.contains("dtype") && value["dtype"].is_string() ? type_bytes(value["dtype"]) : 4;
    for (const json& extent : value["shape"])
      bytes *= extent.is_number_unsigned() ? extent.get<std::uint64_t>() : 1;
    value["data_offsets"] = {end, end + bytes};
    end += bytes;
  }
  std::string out(reinterpret_cast<const char*>(data), size - parts.back().size());
  out += header.dump(-1, ' ', false, json::error_handler_t::replace);
  if (out.size() > most) return LLVMFuzzerMutate(data, size, most);
  std::copy(out.begin(), out.end(), data);
  return out.size();
}
std::size_t mutate_vision(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  return mutate_tensors(data, size, most, seed, 3);
}
std::size_t mutate_sentences(std::uint8_t* data, std::size_t size, std::size_t most,
                             unsigned seed) {
  return mutate_tensors(data, size, most, seed, 5);
}

constexpr Target kEncoderTargets[] = {
    {"safetensors", safetensors},
    {"vision", vision, mutate_vision},
    {"sentences", sentences, mutate_sentences},
    {"tokenizer", tokenizer},
    {"vocabulary", vocabulary},
    {"byte_pairs", byte_pairs},
    {"model_index", model_index},
    {"sentence_modules", sentence_modules},
};

}  // namespace

std::span<const Target> encoder_targets() { return kEncoderTargets; }

}  // namespace blindtuner::fuzz
