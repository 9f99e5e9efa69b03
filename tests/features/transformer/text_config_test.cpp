#include "features/transformer/text_config.h"

#include <gtest/gtest.h>

#include "features/data/test_files.h"
#include "features/transformer/checkpoint_files.h"
#include "features/transformer/text_encoder.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;
namespace fs = std::filesystem;

/// A copy of a case's folder, to be spoiled.
class TextFiles : public ::testing::Test {
 protected:
  TextFiles() { copy("bert"); }
  void copy(const std::string& name) {
    fs::remove_all(folder_ / "m");
    fs::copy(fs::path(TRANSFORMER_CASES) / name, folder_ / "m", fs::copy_options::recursive);
  }
  static LiteralTensors tensors_of(const fs::path& path) {
    const SafetensorsFile file(path);
    LiteralTensors out;
    for (const auto& [name, tensor] : file.tensors())
      out[name] = {tensor.shape, file.read(name, tensor.shape)};
    return out;
  }
  TextEncoder load() const { return TextEncoder::load(folder_ / "m"); }
  void refused(const std::string& file, const std::string& text, const std::string& part) {
    const auto before = get_file(folder_ / "m" / file);
    put_file(folder_ / "m" / file, text);
    expect_data_error([&] { load(); }, part);
    put_file(folder_ / "m" / file, before);
  }
  struct Folder : TemporaryFolder {
    fs::path operator/(const fs::path& name) const {
      return TemporaryFolder::operator/(name.string());
    }
  } folder_;
};

TEST_F(TextFiles, SettingsAreRead) {
  const TextEncoder bert = load();
  EXPECT_EQ(bert.config().vocabulary, 40u);
  EXPECT_EQ(bert.config().max_tokens, 24u);
  EXPECT_EQ(bert.config().heads, 3u);
  EXPECT_EQ(bert.config().depth, 2u);
  EXPECT_EQ(bert.config().modes, std::vector{TextMode::kMean});
  ASSERT_EQ(bert.config().steps.size(), 1u);
  EXPECT_EQ(bert.config().steps[0].kind, SentenceStep::Kind::kNormalize);
  EXPECT_EQ(bert.config().buckets, 0u);
  copy("mpnet");
  EXPECT_EQ(load().config().buckets, 32u);
  EXPECT_EQ(load().config().first_position, 2u);
  copy("bert_first_token");
  EXPECT_EQ(load().config().modes, std::vector{TextMode::kFirst});
  EXPECT_TRUE(load().config().steps.empty());
  // Without sentence-transformers' files: the mean, as long as it is, of as many tokens as fit.
  for (const char* file : {"modules.json", "sentence_bert_config.json"})
    fs::remove(folder_ / "m" / file);
  EXPECT_EQ(load().config().modes, std::vector{TextMode::kMean});
  EXPECT_TRUE(load().config().origins.back().guessed);
  EXPECT_EQ(load().config().max_tokens, 32u);
}

TEST_F(TextFiles, SettingsThatCannotBeMetAreRefused) {
  refused("config.json", "{}", "expected num_attention_heads, a divisor of 12");
  refused("config.json", R"({"num_attention_heads": 5})", "a divisor of 12");
  refused("config.json", R"({"num_attention_heads": 3, "model_type": "xlnet"})",
          "model_type is 'xlnet', expected bert, roberta, xlm-roberta, camembert");
  refused("config.json", R"({"num_attention_heads": 3, "position_embedding_type": "relative_key"})",
          "absolute");
  refused("modules.json", "{}", "expected a JSON array");
  refused("modules.json", "[3]", "a list of objects");
  refused("modules.json", R"([{"type": "sentence_transformers.models.Dense", "path": "x"}])",
          "a module is 'sentence_transformers.models.Dense' before a Pooling");
  refused("modules.json", R"([{"type": "sentence_transformers.models.LSTM", "path": "x"}])",
          "a module is 'sentence_transformers.models.LSTM', expected");
  refused("modules.json", R"([{"type": "x.Pooling", "path": "../../etc"}])", "a folder's name");
  refused("1_Pooling/config.json", R"({"pooling_mode_median_tokens": true})",
          "pooling is 'median_tokens'");
  refused("1_Pooling/config.json", R"({"pooling_mode": ["mean", "median"]})",
          "pooling is 'median', expected cls, max, mean");
  refused("1_Pooling/config.json",
          R"({"pooling_mode_cls_token": false, "pooling_mode_mean_tokens": false})",
          "no pooling is asked for");
  // Code of a model's own may do anything, whatever it is called.
  refused("modules.json", R"([{"type": "custom_st.Transformer", "path": ""}])",
          "a module is 'custom_st.Transformer', expected one of sentence_transformers");
  refused("config.json", R"({"num_attention_heads": 3, "is_decoder": true})",
          "is_decoder is true, expected an encoder");
  refused("tokenizer_config.json", R"({"truncation_side": "left"})",
          "truncation_side is 'left', expected right");
  refused("sentence_bert_config.json", R"({"max_seq_length": 1})", "max_seq_length is 1");
  refused("model.safetensors", "12345678", "not a .safetensors file");
  expect_data_error([&] { TextEncoder::load(folder_ / "none"); }, "no such file");
  expect_data_error(
      [&] { TextEncoder::load(fs::path(TRANSFORMER_CASES) / "timm/model.safetensors"); },
      "not a text encoder that is known");
}

TEST_F(TextFiles, SentenceTransformersSettings) {
  const auto put = [&](const std::string& file, const std::string& text) {
    put_file(folder_ / "m" / file, text);
  };
  put("sentence_bert_config.json", R"({"do_lower_case": true, "max_seq_length": 9})");
  put("config_sentence_transformers.json",
      R"({"prompts": {"query": "query: "}, "default_prompt_name": "query"})");
  EXPECT_TRUE(load().config().lower);
  EXPECT_EQ(load().config().max_tokens, 9u);
  EXPECT_EQ(load().config().prompt, "query: ");
  refused("1_Pooling/config.json", R"({"pooling_mode": "mean", "include_prompt": false})",
          "a default prompt that the pooling leaves out");
  refused("config_sentence_transformers.json", R"({"prompts": {}, "default_prompt_name": "query"})",
          "which is none of the prompts");
  // The mean is taken beside others unless it is said that it is not, as its authors have it.
  put("1_Pooling/config.json", R"({"pooling_mode_cls_token": true})");
  put("config_sentence_transformers.json", R"({"prompts": {"query": "query: "}})");
  EXPECT_EQ(load().config().modes, (std::vector{TextMode::kFirst, TextMode::kMean}));
  EXPECT_EQ(load().config().prompt, "");
  const auto prompt_of = [](std::size_t bytes) {
    return R"({"prompts": {"q": ")" + std::string(bytes, 'x') +
           R"("}, "default_prompt_name": "q"})";
  };
  refused("config_sentence_transformers.json", prompt_of(4097),
          "a prompt of 4097 bytes, expected at most 4096");
  put("config_sentence_transformers.json", prompt_of(4096));
  EXPECT_EQ(load().config().prompt.size(), 4096u);
  put("config_sentence_transformers.json", "{}");
  std::string many = R"([{"type": "sentence_transformers.models.Transformer", "path": ""},
      {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"})";
  for (int i = 2; i < 32; ++i) many += R"(, {"type": "sentence_transformers.models.Normalize"})";
  refused("modules.json", many + ", {}]", "33 modules, expected at most 32");
  put("modules.json", many + "]");
  EXPECT_EQ(load().config().steps.size(), 30u);
  // A tokenizer's own limit counts where sentence-transformers has none.
  fs::remove(folder_ / "m/sentence_bert_config.json");
  put("tokenizer_config.json", R"({"model_max_length": 7})");
  EXPECT_EQ(load().config().max_tokens, 7u);
  put("tokenizer_config.json", R"({"model_max_length": 1e30})");
  EXPECT_EQ(load().config().max_tokens, 32u);
}

TEST_F(TextFiles, ProductsBehindThePooling) {
  fs::remove_all(folder_ / "m");
  fs::copy(fs::path(PUBLISHED_CASES) / "sentences", folder_ / "m", fs::copy_options::recursive);
  EXPECT_EQ(load().feature_count(), 12u);
  const std::string dense = "2_Dense/config.json";
  refused(dense, R"({"activation_function": "torch.nn.modules.activation.SiLU"})",
          "expected Tanh, ReLU or Identity");
  refused(dense, R"({"use_residual": true})", "use_residual is true");
  refused(dense, R"({"module_input_name": "token_embeddings"})", "expected sentence_embedding");
  refused("1_Pooling/config.json", R"({"pooling_mode": "mean"})",
          "pooling gives 16 numbers, but the product behind it takes 80");
}

// Positions that leave a text no room, and buckets that no distance falls into.
TEST_F(TextFiles, OfAsManyTokensAsMayBe) {
  const auto path = folder_ / "m/model.safetensors";
  LiteralTensors tensors = tensors_of(path);
  const std::size_t width = load().config().width;
  fs::remove(folder_ / "m/sentence_bert_config.json");
  const auto tokens = [&](std::size_t positions) {
    tensors.at("embeddings.position_embeddings.weight") = {{positions, width},
                                                           std::vector<float>(positions * width)};
    put_file(path, safetensors(tensors));
    return within_memory(std::size_t{64} << 20,
                         [&] { throw DataError(std::to_string(load().config().max_tokens)); });
  };
  EXPECT_EQ(tokens(8191), "8191");
  EXPECT_EQ(tokens(8192), "8192");
  EXPECT_EQ(tokens(8193), "8192") << "a longer text is cut there, as by any model's own limit";
}

TEST_F(TextFiles, PositionsThatMakeNoSense) {
  copy("mpnet");
  const auto path = folder_ / "m/model.safetensors";
  LiteralTensors tensors = tensors_of(path);
  const std::size_t positions = load().config().positions, heads = load().config().heads;
  const auto config = [&](std::size_t padding) {
    return R"({"model_type": "mpnet", "num_attention_heads": )" + std::to_string(heads) +
           R"(, "pad_token_id": )" + std::to_string(padding) + "}";
  };
  for (const std::size_t padding : {positions - 2, positions - 1, positions})
    refused("config.json", config(padding), "buckets of relative ones make no sense");
  const auto with_buckets = [&](std::size_t buckets) {
    tensors["encoder.relative_attention_bias.weight"] = {{buckets, heads},
                                                         std::vector<float>(buckets * heads)};
    put_file(path, safetensors(tensors));
  };
  with_buckets(256);
  EXPECT_EQ(load().config().buckets, 256u);
  for (const std::size_t buckets : {260u, 512u, 1024u}) {
    with_buckets(buckets);
    expect_data_error([&] { load(); }, std::to_string(buckets) + " buckets");
  }
}

TEST_F(TextFiles, DamagedModels) {
  for (const std::string name : {"bert", "mpnet"}) {
    copy(name);
    const auto read = [&] { load(); };
    EXPECT_NO_THROW(read());
    for (const std::string file : {"config.json", "modules.json", "model.safetensors"}) {
      const auto path = folder_ / "m" / file;
      const auto good = get_file(path);
      EXPECT_GT(flip_every_bit(path, good, read, file == "model.safetensors" ? 211 : 11), 10u);
      put_file(path, good);
    }
  }
}

TEST_F(TextFiles, TokensAndLengths) {
  const TextEncoder model = load();
  std::vector<float> features(2 * model.feature_count());
  const std::vector<std::int32_t> tokens = {1, 2, 39, 4, 5};
  const auto embed = [&](std::vector<std::size_t> lengths) {
    model.embed(tokens, lengths, features);
  };
  EXPECT_NO_THROW(embed({2, 3}));
  EXPECT_THROW(embed({2, 2}), ContractError);
  EXPECT_THROW(embed({2, 4}), ContractError);
  EXPECT_THROW(embed({0, 5}), ContractError);
  EXPECT_THROW(embed({5}), ContractError);
  EXPECT_THROW(model.embed(std::vector<std::int32_t>(25, 1), std::vector<std::size_t>{25},
                           std::span(features).first(12)),
               ContractError);
  expect_data_error(
      [&] {
        model.embed(std::vector<std::int32_t>{1, 40}, std::vector<std::size_t>{1, 1}, features);
      },
      "token 40 in text 1, but the model's vocabulary has 40");
  EXPECT_THROW(
      model.embed(std::vector<std::int32_t>{1, -1}, std::vector<std::size_t>{1, 1}, features),
      DataError);
}

// The same text has the same embedding wherever it stands.
TEST_F(TextFiles, TextsDoNotSeeEachOther) {
  const TextEncoder model = load();
  const std::size_t width = model.feature_count();
  std::vector<std::int32_t> tokens;
  std::vector<std::size_t> lengths;
  for (int i = 0; i < 300; ++i) {
    const std::size_t length = 1 + static_cast<std::size_t>(i) * 7 % 24;
    lengths.push_back(length);
    for (std::size_t j = 0; j < length; ++j)
      tokens.push_back(static_cast<std::int32_t>((length * 5 + j * j) % 40));
  }
  std::vector<float> features(300 * width);
  model.embed(tokens, lengths, features);
  for (std::size_t i = 24; i < 300; ++i)  // lengths, and so texts, repeat after 24
    for (std::size_t j = 0; j < width; ++j)
      ASSERT_NEAR(features[i * width + j], features[(i - 24) * width + j], 1e-6) << i;
}

}  // namespace
}  // namespace blindtuner
