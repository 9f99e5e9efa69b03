// Features of pictures and texts by pretrained transformers, in the clear, on their owner's machine.
#pragma once

#include <blindtuner/context.h>
#include <blindtuner/errors.h>
#include <blindtuner/progress.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace blindtuner {

struct EncoderOptions {
  std::string pooling = "model";   ///< which tokens become features: one of those in docs/ENCODERS.md
  std::size_t image_size = 0;      ///< of pictures, pixels a side: 1 to 4096; 0: as the model's settings say
  std::filesystem::path cache{};   ///< folder of features that were computed before; empty: none
};

/// What is told besides, in sentences without their full stop, on the thread that called. Any may be empty.
struct EncoderNotices {
  std::function<void(const std::string&)> warning{};  ///< settings that were guessed, samples that are left out
  std::function<void(const std::string&)> note{};     ///< how a set was read
  Progress progress{};
};

/// Features of a set that lies in files; a sample has the same place in all of these.
struct EncodedSet {
  std::size_t width = 0;
  std::vector<float> features{};      ///< samples x width, row after row
  std::vector<std::string> names{};   ///< of samples: paths, lines of a table
  std::vector<int> labels{};          ///< one a sample, from 0; or none
  std::vector<std::string> classes{}; ///< their names; or none
};

/// A picture in memory.
struct PictureView {
  /// height x width x channels, row by row; or a file's bytes: JPEG, PNG, BMP, WebP.
  std::span<const std::uint8_t> bytes{};
  std::size_t width = 0, height = 0, channels = 0;  ///< channels: 3 or 1; 0: a file's bytes
};

/// Pictures as the command `extract --images` takes them (docs/DATA.md).
struct PictureFiles {
  std::filesystem::path images{};  ///< a folder with a folder for every class, a table of path and label, IDX, .npz
  std::filesystem::path labels{};  ///< of IDX and .npz, a file of class numbers
  std::filesystem::path root{};    ///< of a table: the folder of its paths; empty: its own
  std::string split{};             ///< of .npz
  std::vector<std::string> classes{};  ///< their names in order, as of another set; none: those that it has
  bool skip_unreadable = false;        ///< what cannot be read is left out with a warning; otherwise it is an error
  int picture_bits = 0;  ///< of 16, how many the samples of 16-bit pictures use: 8 to 16; 0: as they say
};

/// A vision transformer. A value: copies share it. Any number of threads at once. All functions throw ContractError for
/// one that was moved from.
class PictureEncoder {
 public:
  /// model: .safetensors, the index of a sharded one, or a folder. Throws DataError; ContractError for options out of
  /// range.
  static PictureEncoder load(const Context& context, const std::filesystem::path& model,
                             const EncoderOptions& options = {}, const EncoderNotices& notices = {});

  std::size_t width() const;  ///< features of a picture
  /// pictures x width(), row after row. Throws DataError for what is no picture, ContractError for sizes that do not
  /// fit.
  std::vector<float> encode(std::span<const PictureView> pictures, const EncoderNotices& notices = {}) const;
  /// The features that `extract` writes, bit for bit. Throws DataError.
  EncodedSet encode(const PictureFiles& files, const EncoderNotices& notices = {}) const;

  struct [[gnu::visibility("hidden")]] State;

 private:
  explicit PictureEncoder(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  const State& state() const;
  std::shared_ptr<const State> state_;
};

/// Texts as the command `extract --texts` takes them: a table of text and label.
struct TextFiles {
  std::filesystem::path table{};
  std::string text_column{}, label_column{};  ///< names, or numbers from 1; empty: by the table
  std::vector<std::string> classes{};         ///< as those of pictures
};

/// A sentence encoder, as a PictureEncoder otherwise.
class TextEncoder {
 public:
  /// model: a folder with a tokenizer's files beside the weights. Throws as PictureEncoder::load().
  static TextEncoder load(const Context& context, const std::filesystem::path& model,
                          const EncoderOptions& options = {}, const EncoderNotices& notices = {});

  std::size_t width() const;
  /// UTF-8. Throws DataError.
  std::vector<float> encode(std::span<const std::string> texts, const EncoderNotices& notices = {}) const;
  EncodedSet encode(const TextFiles& files, const EncoderNotices& notices = {}) const;

  struct [[gnu::visibility("hidden")]] State;

 private:
  explicit TextEncoder(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  const State& state() const;
  std::shared_ptr<const State> state_;
};

}  // namespace blindtuner
#pragma GCC visibility pop
