// From a picture to what a vision transformer reads: resize, crop, normalise.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "features/image/picture.h"

namespace blindtuner::features {

enum class Interpolation { kBilinear, kBicubic };

/// What happens to a picture, as torchvision's transforms do it on Pillow's pictures.
struct Preprocessing {
  /// The picture's side, or shorter side, after resizing; the size that is cut out of its middle.
  int resize = 248, crop = 224;
  /// true: the shorter side becomes `resize` (torchvision's Resize(int)); false: both sides do.
  bool keep_aspect = true;
  Interpolation interpolation = Interpolation::kBicubic;
  std::array<float, 3> mean{0.485f, 0.456f, 0.406f}, std{0.229f, 0.224f, 0.225f};

  /// The size of the network's input out of timm's crop_pct: resize = floor(crop / crop_pct).
  static Preprocessing timm(int crop, double crop_pct);
  /// Everything that makes a difference, as one line.
  std::string text() const;
  std::size_t values() const;  ///< 3 * crop * crop
};

/// The window of `picture` resized to width x height that begins at (left, top); bit for bit what
/// Pillow's resize (antialiased, on 8-bit channels, the width first, as Pillow before 13 always has
/// it) and crop give. Only the window is computed. The
/// window must lie within the resized picture (ContractError).
Picture resize_window(const Picture& picture, std::int64_t width, std::int64_t height,
                      std::int64_t left, std::int64_t top, int window_width, int window_height,
                      Interpolation interpolation);

/// Resized and cropped: crop x crop pixels.
Picture resize_and_crop(const Picture& picture, const Preprocessing& settings);

/// (value / 255 - mean) / std, planes of red, green, blue: settings.values() numbers into `out`.
/// `picture` is crop x crop.
void normalise(const Picture& picture, const Preprocessing& settings, std::span<float> out);

}  // namespace blindtuner::features
