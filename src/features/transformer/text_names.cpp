#include "features/transformer/text_names.h"

#include <algorithm>

#include "base/error.h"

namespace blindtuner::features {
namespace {

TextNames bert() {
  TextNames n;
  n.kind = "BERT";
  n.model_types = {"bert"};
  n.words = "embeddings.word_embeddings.weight";
  n.positions = "embeddings.position_embeddings.weight";
  n.embedding_norm = "embeddings.LayerNorm";
  n.mark = "encoder.layer.0.attention.self.query.weight";
  n.types = "embeddings.token_type_embeddings.weight";
  n.blocks = "encoder.layer.";
  n.queries = "attention.self.query";
  n.keys = "attention.self.key";
  n.values = "attention.self.value";
  n.projection = "attention.output.dense";
  n.norm1 = "attention.output.LayerNorm";
  n.fc1 = "intermediate.dense";
  n.fc2 = "output.dense";
  n.norm2 = "output.LayerNorm";
  n.ignored = {"pooler.", "cls.", "lm_head."};
  return n;
}

TextNames roberta() {
  TextNames n = bert();
  n.kind = "RoBERTa";
  n.model_types = {"roberta", "xlm-roberta", "camembert"};
  n.after_padding = true;
  n.epsilon = 1e-5;
  return n;
}

TextNames mpnet() {
  TextNames n = bert();
  n.kind = "MPNet";
  n.model_types = {"mpnet"};
  n.mark = n.distances = "encoder.relative_attention_bias.weight";
  n.queries = "attention.attn.q";
  n.keys = "attention.attn.k";
  n.values = "attention.attn.v";
  n.projection = "attention.attn.o";
  n.norm1 = "attention.LayerNorm";
  n.after_padding = true;
  return n;
}

TextNames distilbert() {
  TextNames n = bert();
  n.kind = "DistilBERT";
  n.model_types = {"distilbert"};
  n.mark = "transformer.layer.0.attention.q_lin.weight";
  n.types = "";
  n.blocks = "transformer.layer.";
  n.queries = "attention.q_lin";
  n.keys = "attention.k_lin";
  n.values = "attention.v_lin";
  n.projection = "attention.out_lin";
  n.norm1 = "sa_layer_norm";
  n.fc1 = "ffn.lin1";
  n.fc2 = "ffn.lin2";
  n.norm2 = "output_layer_norm";
  n.heads_key = "n_heads";
  n.activation_key = "activation";
  n.ignored = {"vocab_transform.", "vocab_layer_norm.", "vocab_projector."};
  return n;
}

TextNames clip_texts() {
  TextNames n;
  n.kind = "CLIP's text tower";
  n.model_types = {"clip", "clip_text_model"};
  n.words = "embeddings.token_embedding.weight";
  n.positions = "embeddings.position_embedding.weight";
  n.blocks = "encoder.layers.";
  n.queries = "self_attn.q_proj";
  n.keys = "self_attn.k_proj";
  n.values = "self_attn.v_proj";
  n.projection = "self_attn.out_proj";
  n.norm1 = "layer_norm1";
  n.fc1 = "mlp.fc1";
  n.fc2 = "mlp.fc2";
  n.norm2 = "layer_norm2";
  n.final_norm = "final_layer_norm";
  n.embedding = "text_projection";
  n.settings = "text_config";
  n.norm_first = true;
  n.causal = true;
  n.epsilon = 1e-5;
  n.activation = layers::Activation::kQuickGelu;
  n.ignored = {"vision_model.", "visual_projection.", "logit_scale"};
  return n;
}

}  // namespace

const TextNames& recognise_text_names(Checkpoint& checkpoint, const std::string& model_type,
                                      const std::string& where) {
  static const TextNames kinds[] = {mpnet(), distilbert(), bert(), roberta(), clip_texts()};
  std::string expected;
  for (const TextNames& names : kinds) {
    const auto prefix = checkpoint.prefix_of(names.words);
    if (!prefix) continue;
    checkpoint.set_prefix(*prefix);
    if (!names.mark.empty() && !checkpoint.contains(names.mark)) continue;
    const auto& types = names.model_types;
    if (model_type.empty() || std::find(types.begin(), types.end(), model_type) != types.end())
      return names;
    for (const std::string& type : types) expected += (expected.empty() ? "" : ", ") + type;
  }
  if (!expected.empty())
    throw DataError(where + ": model_type is '" + model_type.substr(0, 40) + "', expected " +
                    expected + " by the names of the tensors");
  throw DataError(checkpoint.where() +
                  ": not a text encoder that is known: neither a word embedding of BERT's family "
                  "(BERT, RoBERTa, DistilBERT, MPNet) nor one of CLIP's is among its tensors");
}

}  // namespace blindtuner::features
