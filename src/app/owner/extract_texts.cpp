// From texts to features, with a pretrained sentence encoder.
#include <algorithm>
#include <numeric>

#include "app/common/report.h"
#include "app/owner/extraction.h"
#include "app/owner/tables.h"
#include "base/path.h"
#include "features/extraction/text_extractor.h"

namespace blindtuner::app {
namespace {

/// What of the texts the model does not see: their ends, and words that its vocabulary lacks.
class TokensLost {
 public:
  explicit TokensLost(std::size_t texts) : cut_(texts), unknown_(texts), all_(texts) {}

  /// Any thread, each with texts of its own.
  void count(const Tokenizer& tokenizer, std::size_t i, const std::string& text,
             std::span<const std::int32_t> tokens, std::size_t max_tokens) {
    cut_[i] =
        tokens.size() == max_tokens && tokenizer.encode(text, max_tokens + 1).size() > max_tokens;
    all_[i] = tokens.size() - 2;  // those that open and close it
    unknown_[i] =
        static_cast<std::size_t>(std::count(tokens.begin(), tokens.end(), tokenizer.unknown()));
  }

  void tell(const CommonOptions& common, const std::filesystem::path& table,
            const std::vector<std::string>& lines, std::size_t max_tokens,
            nlohmann::json& report) const {
    const auto cut = static_cast<std::size_t>(std::count(cut_.begin(), cut_.end(), 1));
    const std::size_t all = std::accumulate(all_.begin(), all_.end(), std::size_t{0}),
                      unknown = std::accumulate(unknown_.begin(), unknown_.end(), std::size_t{0});
    report["cut_texts"] = cut;
    report["unknown_tokens"] = unknown;
    if (cut > 0) {
      const auto first =
          static_cast<std::size_t>(std::find(cut_.begin(), cut_.end(), 1) - cut_.begin());
      print_notes(common, {quoted_path(table) + ": " + std::to_string(cut) + " of " +
                           std::to_string(cut_.size()) + " texts are longer than the " +
                           std::to_string(max_tokens) +
                           " tokens that the model takes: their ends are not read, the first is on "
                           "line " +
                           lines[first]});
    }
    if (5 * unknown > all)
      print_warning(quoted_path(table) + ": " + std::to_string(unknown) + " of " +
                    std::to_string(all) +
                    " tokens are not in the model's vocabulary: is it of another language, or its "
                    "file incomplete?");
  }

 private:
  std::vector<char> cut_;
  std::vector<std::size_t> unknown_, all_;
};

}  // namespace

EncoderFeatures text_features(const CommonOptions& common, const ExtractOptions& options,
                              const PoolingPlan& pooling) {
  TextSource source = options.texts;
  source.classes.names = options.class_names();
  const TextSet texts = read_text_set(source);
  print_notes(common, texts.reading);
  const TextExtractor extractor = TextExtractor::load(options.model, pooling);
  const TextEncoder& model = extractor.model();
  const TextConfig& config = model.config();
  nlohmann::json report = {{"notes", texts.reading.notes},
                           {"warnings", texts.reading.warnings},
                           {"reading", texts.reading.details},
                           {"vocabulary", extractor.tokenizer().size()},
                           {"max_tokens", config.max_tokens}};
  if (!config.prompt.empty()) report["prompt"] = config.prompt;
  report_origins(options.model, config.origins, report);
  const auto cache = options.open_cache(common, extractor.recipe(), model.feature_count());
  TokensLost lost(texts.texts.size());
  Extracted extracted = extractor.extract(
      texts.texts, cache.get(), extraction_console(common, "texts"),
      [&](std::size_t i, const std::string& text, std::span<const std::int32_t> tokens) {
        lost.count(extractor.tokenizer(), i, text, tokens, config.max_tokens);
      });
  lost.tell(common, source.table, texts.names, config.max_tokens, report);
  return {std::move(extracted), columns_of_poolings(model),
          texts.names,          texts.classes,
          texts.labels,         "texts",
          std::move(report),    16,
          texts.groups,         extractor.identity()};
}

}  // namespace blindtuner::app
