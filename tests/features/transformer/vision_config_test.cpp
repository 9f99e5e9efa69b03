#include "features/transformer/vision_config.h"

#include <gtest/gtest.h>

#include <cmath>

#include "features/data/test_files.h"
#include "features/transformer/checkpoint_files.h"
#include "features/transformer/model_files.h"
#include "features/transformer/settings.h"
#include "features/transformer/vision_transformer.h"
#include "features/transformer/vision_weights.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;

void put(LiteralTensors& tensors, const std::string& name, const Shape& shape) {
  std::size_t count = 1;
  for (const std::size_t size : shape) count *= size;
  LiteralTensor& tensor = tensors[name] = {shape, std::vector<float>(count)};
  for (std::size_t i = 0; i < count; ++i)
    tensor.values[i] = std::sin(static_cast<float>(i + name.size()));
}

void put_affine(LiteralTensors& tensors, const std::string& name, const Shape& shape) {
  put(tensors, name + ".weight", shape);
  put(tensors, name + ".bias", {shape[0]});
}

/// timm's names; one head of 64, 8 x 8 pixels in patches of 4, two blocks, three classes.
LiteralTensors tiny_model() {
  LiteralTensors t;
  put(t, "cls_token", {1, 1, 64});
  put(t, "pos_embed", {1, 5, 64});
  put_affine(t, "patch_embed.proj", {64, 3, 4, 4});
  for (const std::string block : {"blocks.0.", "blocks.1."}) {
    put_affine(t, block + "norm1", {64});
    put_affine(t, block + "attn.qkv", {192, 64});
    put_affine(t, block + "attn.proj", {64, 64});
    put_affine(t, block + "norm2", {64});
    put_affine(t, block + "mlp.fc1", {32, 64});
    put_affine(t, block + "mlp.fc2", {64, 32});
  }
  put_affine(t, "norm", {64});
  put_affine(t, "head", {3, 64});
  return t;
}

class VisionFiles : public ::testing::Test {
 protected:
  VisionTransformer load() {
    put_file(folder_ / "model.safetensors", safetensors(tensors_));
    return VisionTransformer::load(folder_ / "model.safetensors");
  }
  void refused(const std::string& part) {
    expect_data_error([&] { load(); }, part);
    tensors_ = tiny_model();
  }
  void settings(const std::string& name, const std::string& text) {
    put_file(folder_ / name, text);
  }

  LiteralTensors tensors_ = tiny_model();
  TemporaryFolder folder_;
};

TEST_F(VisionFiles, ShapesSayEverything) {
  const VisionTransformer model = load();
  const VisionConfig& c = model.config();
  EXPECT_EQ(c.image_size, 8u);
  EXPECT_EQ(c.patch_size, 4u);
  EXPECT_EQ(c.width, 64u);
  EXPECT_EQ(c.depth, 2u);
  EXPECT_EQ(c.heads, 1u);
  EXPECT_EQ(c.hidden, 32u);
  EXPECT_EQ(c.classes, 3u);
  EXPECT_FALSE(c.distilled);
  EXPECT_EQ(c.epsilon, 1e-6);
  EXPECT_EQ(c.resize, 8u);  // floor(8 / 0.9)
  EXPECT_TRUE(c.keep_aspect && c.bicubic);
  EXPECT_FLOAT_EQ(c.mean[0], 0.485f);
  EXPECT_EQ(c.settings_from, "defaults");
  EXPECT_EQ(model.pixel_count(), 192u);
}

TEST_F(VisionFiles, NamesWhatIsMissingOrMisshapen) {
  for (const auto& [name, tensor] : tiny_model()) {
    tensors_.erase(name);
    // Without a weight the head is absent, and its bias has no place.
    if (name != "head.weight") refused("'" + name + "'");
    tensors_ = tiny_model();
    tensors_[name].shape.back() += 1;
    std::size_t count = 1;
    for (const std::size_t size : tensors_[name].shape) count *= size;
    tensors_[name].values.resize(count);
    refused("tensor '");
  }
  put(tensors_, "blocks.1.norm2.weight", {63});
  refused("tensor 'blocks.1.norm2.weight' has shape [63], expected [64]");
  put(tensors_, "blocks.0.ls1.gamma", {64});
  refused("tensor 'blocks.1.ls1.gamma' is missing");
  put(tensors_, "blocks.0.ls3.gamma", {64});
  refused("tensor 'blocks.0.ls3.gamma' has no place in this kind of model");
  put(tensors_, "blocks.x.weight", {64});
  refused("expected a block's number after 'blocks.'");
  put(tensors_, "blocks.1000.weight", {64});
  refused("expected a block's number");
  put(tensors_, "blocks.999.weight", {64});
  refused("tensor 'blocks.2.norm1.weight' is missing");
  put(tensors_, "blocks.3.norm1.weight", {64});
  refused("tensor 'blocks.2.norm1.weight' is missing");
  put(tensors_, "pos_embed", {1, 7, 64});
  refused("tensor 'pos_embed' has shape [1, 7, 64], expected [1, a square + 1");
  put(tensors_, "pos_embed", {1, 1, 64});
  refused("a square");
  put(tensors_, "dist_token", {1, 1, 64});
  refused("a square + 2");
  put(tensors_, "patch_embed.proj.weight", {64, 1, 4, 4});
  refused("expected [width, 3, patch, patch]");
  put(tensors_, "patch_embed.proj.weight", {64, 3, 0, 0});
  refused("expected 4 dimensions, none empty");
  put(tensors_, "patch_embed.proj.weight", {1, 3, 2100, 2100});
  put(tensors_, "pos_embed", {1, 5, 1});
  refused("pictures of 4200 and widths of 1 and 32, expected at most 4096");
  tensors_.clear();
  put(tensors_, "conv1.weight", {64, 3, 7, 7});
  refused("not a vision transformer");
}

TEST_F(VisionFiles, ConfigsAreReadAndHeldAgainstTheShapes) {
  settings("config.json", R"({"num_attention_heads": 4, "layer_norm_eps": 1e-5, "depth": "any",
      "hidden_size": 64, "hidden_act": "gelu"})");
  EXPECT_EQ(load().config().heads, 4u);
  EXPECT_EQ(load().config().epsilon, 1e-5);
  const auto bad = [&](const std::string& text, const std::string& part) {
    settings("config.json", text);
    refused(part);
  };
  bad(R"({"hidden_size": 128})", "hidden_size is 128, but the model's tensors have 64");
  bad(R"({"image_size": 224})", "image_size is 224, but the model's tensors have 8");
  bad(R"({"num_attention_heads": 3})", "expected num_attention_heads");
  bad(R"({"num_attention_heads": 0})", "num_attention_heads is 0, expected a whole number from 1");
  bad(R"({"num_attention_heads": "3"})", "num_attention_heads is \"3\", expected a whole number");
  bad(R"({"layer_norm_eps": -1})", "layer_norm_eps is -1, expected a number from");
  bad(R"({"hidden_act": "swish"})", "hidden_act is 'swish'");
  bad(R"({"global_pool": "map"})", "global_pool is 'map', expected token or avg");
  bad("[]", "expected a JSON object");
  bad("{", "not JSON");
  bad("{\"a\":" + std::string(1000, '[') + std::string(1000, ']') + "}", "nested deeper");
}

TEST_F(VisionFiles, TimmPictures) {
  settings("config.json", R"({"architecture": "deit_tiny", "pretrained_cfg": {
      "input_size": [3, 8, 8], "interpolation": "bilinear", "crop_pct": 0.5,
      "mean": [0.5, 0.4, 0.3], "std": [1, 2, 3]}})");
  const VisionTransformer model = load();
  const VisionConfig& c = model.config();
  EXPECT_EQ(c.resize, 16u);
  EXPECT_TRUE(c.keep_aspect);
  EXPECT_FALSE(c.bicubic);
  EXPECT_EQ(c.mean, (std::array<float, 3>{0.5f, 0.4f, 0.3f}));
  EXPECT_EQ(c.std, (std::array<float, 3>{1, 2, 3}));
  EXPECT_NE(c.settings_from.find("config.json"), std::string::npos);
  const auto bad = [&](const std::string& text, const std::string& part) {
    settings("config.json", R"({"pretrained_cfg": )" + text + "}");
    refused(part);
  };
  bad(R"({"crop_pct": 0})", "crop_pct is 0");
  bad(R"({"interpolation": "nearest"})", "interpolation is 'nearest'");
  bad(R"({"crop_mode": "border"})", "crop_mode is 'border'");
  bad(R"({"mean": [1, 2]})", "mean: expected three numbers");
  bad(R"({"std": [1, 0, 1]})", "std: expected three positive numbers");
  bad(R"({"input_size": [3, 9, 9]})", "input_size is [3,9,9]");
}

TEST_F(VisionFiles, HuggingFacePictures) {
  const auto read = [&](const std::string& text) {
    settings("preprocessor_config.json", text);
    return load().config();
  };
  // ViT: straight to the size, the aspect lost.
  VisionConfig c = read(R"({"size": 8, "resample": 2, "do_normalize": true,
      "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]})");
  EXPECT_EQ(c.resize, 8u);
  EXPECT_FALSE(c.keep_aspect || c.bicubic);
  EXPECT_EQ(c.mean[2], 0.5f);
  // DeiT: larger, and the centre cut out.
  c = read(R"({"size": {"height": 12, "width": 12}, "do_center_crop": true,
      "crop_size": {"height": 8, "width": 8}, "resample": 3})");
  EXPECT_EQ(c.resize, 12u);
  EXPECT_FALSE(c.keep_aspect);
  EXPECT_TRUE(c.bicubic);
  c = read(R"({"size": {"shortest_edge": 10}, "do_center_crop": true, "crop_size": 8,
      "do_normalize": false})");
  EXPECT_EQ(c.resize, 10u);
  EXPECT_TRUE(c.keep_aspect);
  EXPECT_EQ(c.std, (std::array<float, 3>{1, 1, 1}));
  const auto bad = [&](const std::string& text, const std::string& part) {
    settings("preprocessor_config.json", text);
    refused(part);
  };
  bad(R"({"size": 224})", "pictures of 224 x 224, but the model's tensors are for 8 x 8");
  bad(R"({"size": {"height": 8, "width": 9}})", "a height and a width that are the same");
  bad(R"({"size": 4, "do_center_crop": true, "crop_size": 8})", "pictures of 4 x 4");
  bad(R"({"resample": 0})", "resample is 0");
  bad(R"({"do_rescale": false})", "divided by 255");
  bad(R"({"rescale_factor": 0.0078})", "divided by 255");
}

/// One setting of the origins.
SettingOrigin origin(const VisionConfig& config, const std::string& setting) {
  for (const SettingOrigin& one : config.origins)
    if (one.setting == setting) return one;
  ADD_FAILURE() << "no " << setting;
  return {};
}

TEST_F(VisionFiles, SaysWhereSettingsCameFrom) {
  VisionConfig c = load().config();
  for (const char* setting : {"heads", "epsilon", "activation", "pictures"})
    EXPECT_TRUE(origin(c, setting).guessed) << setting;
  EXPECT_EQ(origin(c, "heads").value, "1");
  EXPECT_EQ(origin(c, "heads").from, "the width of 64");
  EXPECT_NE(origin(c, "pictures").value.find("mean 0.485"), std::string::npos);
  settings("config.json", R"({"num_attention_heads": 4})");
  c = load().config();
  EXPECT_FALSE(origin(c, "heads").guessed);
  EXPECT_NE(origin(c, "heads").from.find("config.json"), std::string::npos);
  EXPECT_FALSE(origin(c, "epsilon").guessed) << "the kind's own, where its settings are silent";
  EXPECT_TRUE(origin(c, "pictures").guessed);
  settings("preprocessor_config.json", R"({"size": 8, "image_std": [1, 1, 1]})");
  c = load().config();
  EXPECT_FALSE(origin(c, "pictures").guessed);
  EXPECT_TRUE(origin(c, "image_mean").guessed) << "settings that say a part";
  EXPECT_EQ(origin(c, "image_mean").value, "0.485 0.456 0.406");
  EXPECT_EQ(std::count_if(c.origins.begin(), c.origins.end(),
                          [](const SettingOrigin& one) { return one.guessed; }),
            1);
  EXPECT_NE(origin(c, "pictures").from.find("preprocessor_config.json"), std::string::npos);
}

TEST_F(VisionFiles, PicturesOfAnotherSize) {
  const auto path = folder_ / "model.safetensors";
  put_file(path, safetensors(tensors_));
  const auto sized = [&](std::size_t size) {
    return VisionTransformer::load(path, {PoolingPlan::of("model"), size});
  };
  const VisionTransformer model = sized(16);
  EXPECT_EQ(model.config().image_size, 16u);
  EXPECT_EQ(model.config().position_grid, 2u);
  EXPECT_EQ(model.config().resize, 16u);  // of 8 out of 8
  EXPECT_EQ(model.pixel_count(), 3u * 16 * 16);
  expect_data_error([&] { sized(10); }, "--image-size 10: expected a multiple of 4");
  expect_data_error([&] { sized(4000); }, "tokens a picture, expected at most 8192");
  // DINOv2's settings decide; other kinds' must fit the positions.
  const auto dinov2 = std::filesystem::path(PUBLISHED_CASES) / "dinov2";
  EXPECT_EQ(VisionTransformer::load(dinov2).config().image_size, 16u);
  EXPECT_EQ(VisionTransformer::load(dinov2).config().resize, 18u);
  EXPECT_EQ(VisionTransformer::load(dinov2).config().position_grid, 6u);
  const auto beit = std::filesystem::path(PUBLISHED_CASES) / "beit";
  expect_data_error(
      [&] {
        VisionTransformer::load(beit, {PoolingPlan::of("model"), 32});
      },
      "pictures of 32, but this kind's table of offsets is for 16");
}

TEST_F(VisionFiles, PoolingsByName) {
  const auto parts = [](const char* name) { return Pooling::parse(name).parts.size(); };
  EXPECT_EQ(parts("model"), 1u);
  EXPECT_EQ(parts("class+mean"), 2u);
  EXPECT_EQ(parts("last4+mean"), 5u);
  EXPECT_EQ(parts("last32"), kMaxLast);
  for (const char* bad : {"", "cls", "last", "last1", "last33", "last04x", "class+", "class+class",
                          "class+last2", "+"})
    expect_data_error([&] { Pooling::parse(bad); }, "--pooling '");
  expect_data_error(
      [&] {
        put_file(folder_ / "model.safetensors", safetensors(tensors_));
        VisionTransformer::load(folder_ / "model.safetensors", {PoolingPlan::of("last3"), 0});
      },
      "2 blocks, but --pooling asks for the last 3");
  // What several have in common is computed once.
  const PoolingPlan plan(
      {Pooling::parse("class"), Pooling::parse("class+mean"), Pooling::parse("last2")});
  EXPECT_EQ(plan.text(), "class+mean+class-1");
  FeatureMatrix row(1, 6);
  row << 1, 2, 3, 4, 5, 6;
  FeatureMatrix last2(1, 4);
  last2 << 5, 6, 1, 2;
  EXPECT_EQ(select_columns(row, plan.columns([](const TokenPart&) { return 2; })[2]), last2);
  // Of several those that there are blocks for.
  const auto names = [](const PoolingPlan& several) {
    std::vector<std::string> out;
    for (const Pooling& pooling : several.poolings()) out.push_back(pooling.name);
    return out;
  };
  const PoolingPlan all = PoolingPlan::of("auto");
  EXPECT_EQ(names(all), (std::vector<std::string>{"model", "class+mean", "last4", "last4+mean"}));
  EXPECT_EQ(names(all.within(4, "m")), names(all));
  EXPECT_EQ(names(all.within(3, "m")), (std::vector<std::string>{"model", "class+mean"}));
  const auto model =
      VisionTransformer::load(folder_ / "model.safetensors", {PoolingPlan::of("auto"), 0});
  EXPECT_EQ(names(model.pooling()), (std::vector<std::string>{"model", "class+mean"}));
}

TEST_F(VisionFiles, FoldersAndShards) {
  const auto sharded = std::filesystem::path(PUBLISHED_CASES) / "vit_bfloat16_sharded";
  for (const auto& entry : std::filesystem::directory_iterator(sharded))
    std::filesystem::copy(entry.path(), folder_ / entry.path().filename().string());
  const std::string index = "model.safetensors.index.json";
  EXPECT_NO_THROW(VisionTransformer::load(folder_ / ""));
  EXPECT_NO_THROW(VisionTransformer::load(folder_ / index));
  const auto refused_index = [&](const std::string& text, const std::string& part) {
    put_file(folder_ / index, text);
    expect_data_error([&] { VisionTransformer::load(folder_ / ""); }, part);
  };
  expect_data_error([&] { VisionTransformer::load(folder_ / "model-00002-of-00002.safetensors"); },
                    "one part of a model; name its folder");
  const std::string good(reinterpret_cast<const char*>(get_file(folder_ / index).data()),
                         get_file(folder_ / index).size());
  refused_index("[]", "expected an object with a weight_map");
  refused_index(R"({"weight_map": {}})", "expected an object with a weight_map");
  refused_index(R"({"weight_map": {"a": "../x.safetensors"}})", "beside it");
  refused_index(R"({"weight_map": {"a": "x.bin"}})", "beside it");
  refused_index(R"({"weight_map": {"a": "none.safetensors"}})", "no such file");
  refused_index(R"({"weight_map": {"a": "model-00001-of-00002.safetensors"}})",
                "tensor 'a' is not in");
  const auto of_files = [](int count) {
    std::string out = R"({"weight_map": {)";
    for (int i = 0; i < count; ++i)
      out += (i == 0 ? "" : ", ") + ("\"t" + std::to_string(i)) + "\": \"" + std::to_string(i) +
             ".safetensors\"";
    return out + "}}";
  };
  refused_index(of_files(1024), "no such file");
  refused_index(of_files(1025), "1025 files, expected at most 1024");
  put_file(folder_ / index, good + std::string(kMaxIndexBytes - good.size(), ' '));
  EXPECT_EQ(within_memory(std::size_t{192} << 20, [&] { VisionTransformer::load(folder_ / ""); }),
            "good");
  refused_index(good + std::string(kMaxIndexBytes - good.size() + 1, ' '),
                "16777217 bytes, expected at most 16777216");
  put_file(folder_ / index, good);
  std::filesystem::copy(folder_ / "model-00001-of-00002.safetensors",
                        folder_ / "again.safetensors");
  refused_index(R"({"weight_map": {"a": "again.safetensors",
      "b": "model-00001-of-00002.safetensors"}})",
                "is in another of the files too");
  std::filesystem::remove(folder_ / index);
  std::filesystem::remove(folder_ / "again.safetensors");
  expect_data_error([&] { VisionTransformer::load(folder_ / ""); }, "parts of a model without");
  const TemporaryFolder other;
  put_file(other / "pytorch_model.bin", "x");
  expect_data_error([&] { VisionTransformer::load(other / ""); }, "not what PyTorch pickles");
  put_file(other / "vit.safetensors", safetensors(tiny_model()));
  EXPECT_NO_THROW(VisionTransformer::load(other / ""));
  put_file(other / "deit.safetensors", safetensors(tiny_model()));
  expect_data_error([&] { VisionTransformer::load(other / ""); }, "2 models; name the one");
}

TEST_F(VisionFiles, LimitsThemselvesAreTaken) {
  const auto width_of_block = [&](std::size_t hidden) {
    put(tensors_, "blocks.0.mlp.fc1.weight", {hidden, 1});
    put_file(folder_ / "model.safetensors", safetensors(tensors_));
    Checkpoint checkpoint(folder_ / "model.safetensors");
    return read_vision_config(folder_ / "", checkpoint, recognise_vision_names(checkpoint)).hidden;
  };
  EXPECT_EQ(width_of_block(kMaxWidth), kMaxWidth);
  expect_data_error([&] { width_of_block(kMaxWidth + 1); }, "widths of 64 and 65537, expected");
  tensors_ = tiny_model();
  // Most of it is the room that is asked for before oneDNN is.
  const auto loaded = [&] { return within_memory(std::size_t{192} << 20, [&] { load(); }); };
  settings("config.json", "{}" + std::string(kMaxSettingsBytes - 2, ' '));
  EXPECT_EQ(loaded(), "good");
  settings("config.json", "{}" + std::string(kMaxSettingsBytes - 1, ' '));
  EXPECT_NE(loaded().find("4194305 bytes, expected at most 4194304"), std::string::npos);
}

// Nobody has to run them: what says how large they are is read.
TEST_F(VisionFiles, PicturesOfAsManyTokensAndPixelsAsMayBe) {
  const auto config = [&](std::size_t patch, std::size_t registers, std::size_t size) {
    put(tensors_, "patch_embed.proj.weight", {64, 3, patch, patch});
    if (registers > 0) put(tensors_, "reg_token", {1, registers, 64});
    put_file(folder_ / "model.safetensors", safetensors(tensors_));
    tensors_ = tiny_model();
    return within_memory(std::size_t{64} << 20, [&] {
      Checkpoint checkpoint(folder_ / "model.safetensors");
      const VisionConfig out =
          read_vision_config(folder_ / "", checkpoint, recognise_vision_names(checkpoint), size);
      throw DataError(std::to_string(out.image_size) + ", " + std::to_string(out.tokens()));
    });
  };
  // 64 patches a side, of 64 pixels.
  EXPECT_EQ(config(64, 0, kMaxImage), "4096, 4097");
  EXPECT_NE(config(64, 0, kMaxImage + 64).find("a multiple of 64, the model's patches, up to 4096"),
            std::string::npos);
  // 90 patches a side, a class token, and the rest.
  EXPECT_EQ(config(4, kMaxTokens - 8101, 360), "360, 8192");
  EXPECT_NE(config(4, kMaxTokens - 8100, 360).find("8193 tokens a picture, expected at most 8192"),
            std::string::npos);
}

// A bias for every two tokens: of 33 x 33 patches and the class token, and of 34 x 34.
TEST_F(VisionFiles, TablesOfOffsets) {
  const auto offsets = [&](std::size_t grid) {
    const std::size_t side = 2 * grid - 1;
    tensors_.clear();
    put(tensors_, "blocks.0.offsets", {side * side + 3, 1});
    put_file(folder_ / "model.safetensors", safetensors(tensors_));
    return within_memory(std::size_t{16} << 20, [&] {
      Checkpoint checkpoint(folder_ / "model.safetensors");
      VisionNames names;
      names.blocks = "blocks.";
      names.offsets = "offsets";
      VisionConfig config;
      config.image_size = grid;
      config.patch_size = config.depth = config.heads = 1;
      require(read_all_offsets(checkpoint, names, config).at(0)->longest == config.tokens(),
              "as many tokens");
    });
  };
  EXPECT_EQ(offsets(33), "good");
  EXPECT_NE(offsets(34).find("1157 tokens with a bias for every two, expected at most 1100"),
            std::string::npos);
}

TEST_F(VisionFiles, DamagedSettings) {
  const std::string good = R"({"size":{"height":8,"width":8},"do_center_crop":true,"crop_size":8,
"resample":3,"image_mean":[0.5,0.5,0.5]})";
  load();
  Checkpoint checkpoint(folder_ / "model.safetensors");
  const VisionNames& names = recognise_vision_names(checkpoint);
  const auto read = [&] { read_vision_config(folder_ / "", checkpoint, names); };
  const std::vector<std::uint8_t> bytes(good.begin(), good.end());
  expect_truncations_refused(folder_ / "preprocessor_config.json", bytes, read);
  EXPECT_GT(flip_every_bit(folder_ / "preprocessor_config.json", bytes, read, 3), 0u);
}

TEST_F(VisionFiles, DamagedModels) {
  const auto cases = std::filesystem::path(TRANSFORMER_CASES);
  const auto good = get_file(cases / "timm_distilled" / "model.safetensors");
  std::filesystem::copy(cases / "timm_distilled" / "config.json", folder_ / "config.json");
  const auto path = folder_ / "model.safetensors";
  const auto read = [&] { VisionTransformer::load(path); };
  put_file(path, good);
  EXPECT_NO_THROW(read());
  EXPECT_GT(flip_every_bit(path, good, read, 101), 100u);
}

TEST_F(VisionFiles, SizesAreAContract) {
  const VisionTransformer model = load();
  std::vector<float> pixels(2 * 192), features(2 * 64), logits(2 * 3);
  EXPECT_NO_THROW(model.classify(pixels, 2, features, logits));
  EXPECT_THROW(model.features(pixels, 1, features), ContractError);
  EXPECT_THROW(model.features(pixels, 2, std::span(features).first(64)), ContractError);
  EXPECT_THROW(model.classify(pixels, 2, features, {}), ContractError);
  for (const float x : features) EXPECT_TRUE(std::isfinite(x));
}

}  // namespace
}  // namespace blindtuner
