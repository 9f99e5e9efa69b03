#include "features/transformer/vision_names.h"

#include "base/error.h"

namespace blindtuner::features {
namespace {

VisionNames timm() {
  VisionNames n;
  n.kind = "timm's ViT";
  n.patches = "patch_embed.proj";
  n.class_token = "cls_token";
  n.positions = "pos_embed";
  n.distillation_token = "dist_token";
  n.registers = "reg_token";
  n.blocks = "blocks.";
  n.norm1 = "norm1";
  n.norm2 = "norm2";
  n.fc1 = "mlp.fc1";
  n.fc2 = "mlp.fc2";
  n.projection = "attn.proj";
  n.joined_qkv = true;
  n.qkv[0] = "attn.qkv";
  n.scale1 = "ls1.gamma";
  n.scale2 = "ls2.gamma";
  n.final_norm = "norm";
  n.pool_norm = "fc_norm";
  n.heads[0] = "head";
  n.heads[1] = "head_dist";
  n.plain_head = "head";
  n.antialias = true;
  // MAE's decoder, and what masked patches were replaced by.
  n.ignored = {"mask_token", "decoder_"};
  return n;
}

/// CLIP's vision tower as timm has it.
VisionNames timm_clip() {
  VisionNames n = timm();
  n.kind = "timm's CLIP";
  n.mark = "norm_pre.weight";
  n.pre_norm = "norm_pre";
  n.epsilon = 1e-5;
  n.crop_pct = 1;
  n.clip_colours = true;
  return n;
}

VisionNames timm_beit() {
  VisionNames n = timm();
  n.kind = "timm's BEiT";
  n.mark = "blocks.0.gamma_1";
  n.qkv_bias[0] = "attn.q_bias";
  n.qkv_bias[1] = "attn.v_bias";
  n.scale1 = "gamma_1";
  n.scale2 = "gamma_2";
  n.offsets = "attn.relative_position_bias_table";
  n.shared_offsets = "rel_pos_bias.relative_position_bias_table";
  return n;
}

/// ViT, DeiT and MAE's encoder.
VisionNames hugging_face() {
  VisionNames n;
  n.kind = "Hugging Face's ViT";
  n.patches = "embeddings.patch_embeddings.projection";
  n.class_token = "embeddings.cls_token";
  n.positions = "embeddings.position_embeddings";
  n.distillation_token = "embeddings.distillation_token";
  n.blocks = "encoder.layer.";
  n.norm1 = "layernorm_before";
  n.norm2 = "layernorm_after";
  n.fc1 = "intermediate.dense";
  n.fc2 = "output.dense";
  n.projection = "attention.output.dense";
  n.qkv[0] = "attention.attention.query";
  n.qkv[1] = "attention.attention.key";
  n.qkv[2] = "attention.attention.value";
  n.final_norm = "layernorm";
  n.heads[0] = "cls_classifier";
  n.heads[1] = "distillation_classifier";
  n.plain_head = "classifier";
  n.epsilon = 1e-12;
  n.ignored = {"pooler.", "embeddings.mask_token", "decoder."};
  return n;
}

/// DINOv2, with registers or without: these have one more tensor and another way to interpolate.
VisionNames dinov2(bool registers) {
  VisionNames n = hugging_face();
  n.kind = "Hugging Face's DINOv2";
  n.mark = registers ? "embeddings.register_tokens" : "encoder.layer.0.layer_scale1.lambda1";
  n.registers = "embeddings.register_tokens";
  n.norm1 = "norm1";
  n.norm2 = "norm2";
  n.fc1 = "mlp.fc1";
  n.fc2 = "mlp.fc2";
  n.scale1 = "layer_scale1.lambda1";
  n.scale2 = "layer_scale2.lambda1";
  n.plain_head = "";
  n.epsilon = 1e-6;
  n.antialias = registers;
  n.any_size = true;
  n.crop_pct = 0.875;
  n.ignored = {"embeddings.mask_token", "classifier."};  // whose input is class+mean
  return n;
}

VisionNames beit() {
  VisionNames n = hugging_face();
  n.kind = "Hugging Face's BEiT";
  n.mark = "encoder.layer.0.lambda_1";
  n.scale1 = "lambda_1";
  n.scale2 = "lambda_2";
  n.offsets = "attention.attention.relative_position_bias.relative_position_bias_table";
  n.shared_offsets = "encoder.relative_position_bias.relative_position_bias_table";
  n.pool_norm = "pooler.layernorm";
  n.ignored = {"embeddings.mask_token", "lm_head."};
  return n;
}

VisionNames clip_pictures() {
  VisionNames n;
  n.kind = "CLIP's vision tower";
  n.patches = "embeddings.patch_embedding";
  n.mark = "embeddings.class_embedding";
  n.class_token = "embeddings.class_embedding";
  n.positions = "embeddings.position_embedding.weight";
  n.pre_norm = "pre_layrnorm";  // the published name
  n.blocks = "encoder.layers.";
  n.norm1 = "layer_norm1";
  n.norm2 = "layer_norm2";
  n.fc1 = "mlp.fc1";
  n.fc2 = "mlp.fc2";
  n.projection = "self_attn.out_proj";
  n.qkv[0] = "self_attn.q_proj";
  n.qkv[1] = "self_attn.k_proj";
  n.qkv[2] = "self_attn.v_proj";
  n.final_norm = "post_layernorm";
  n.embedding = "visual_projection";
  n.settings = "vision_config";
  n.epsilon = 1e-5;
  n.activation = layers::Activation::kQuickGelu;
  n.crop_pct = 1;
  n.clip_colours = true;
  n.ignored = {"text_model.", "text_projection.", "logit_scale"};
  return n;
}

}  // namespace

const VisionNames& recognise_vision_names(Checkpoint& checkpoint) {
  static const VisionNames kinds[] = {timm_beit(),   timm_clip(), timm(),         dinov2(true),
                                      dinov2(false), beit(),      hugging_face(), clip_pictures()};
  for (const VisionNames& names : kinds) {
    const auto prefix = checkpoint.prefix_of(names.patches + ".weight");
    if (!prefix) continue;
    checkpoint.set_prefix(*prefix);
    if (names.mark.empty() || checkpoint.contains(names.mark)) return names;
  }
  std::string known;
  for (const VisionNames& names : kinds)
    if (known.find("'" + names.patches) == std::string::npos)
      known += (known.empty() ? "'" : ", '") + names.patches + ".weight'";
  throw DataError(
      checkpoint.where() +
      ": not a vision transformer that is known (timm's, Hugging Face's ViT, DeiT, MAE, "
      "DINOv2, BEiT, CLIP): none of " +
      known + " is among its tensors");
}

}  // namespace blindtuner::features
