#include "features/image/preprocess.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace blindtuner::features {
namespace {

// Pillow's fixed point: 8 bits of result, 2 of headroom for the lobes of the filter.
constexpr int kPrecision = 32 - 8 - 2;

double bilinear(double x) {
  x = std::abs(x);
  return x < 1 ? 1 - x : 0;
}

double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

/// For each output position of a window its first input position and its weights, times
/// 2^kPrecision.
struct Taps {
  std::vector<int> first;
  std::vector<int> count;
  std::vector<int> weights;  // stride a position
  std::size_t stride = 0;
};

/// `from` input positions become `to`, of which `window` from `begin` on are wanted.
Taps make_taps(int from, std::int64_t to, std::int64_t begin, int window,
               Interpolation interpolation) {
  const auto filter = interpolation == Interpolation::kBicubic ? bicubic : bilinear;
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double filter_scale = std::max(scale, 1.0);
  const double support = (interpolation == Interpolation::kBicubic ? 2.0 : 1.0) * filter_scale;
  Taps taps;
  taps.stride = static_cast<std::size_t>(std::ceil(support)) * 2 + 1;
  taps.first.resize(static_cast<std::size_t>(window));
  taps.count.resize(static_cast<std::size_t>(window));
  taps.weights.resize(static_cast<std::size_t>(window) * taps.stride);
  std::vector<double> exact(taps.stride);
  // The operations and their order are Pillow's: the rounded weights are to be the same.
  for (std::size_t i = 0; i < static_cast<std::size_t>(window); ++i) {
    const double centre = (static_cast<double>(begin) + static_cast<double>(i) + 0.5) * scale;
    const double inverse = 1.0 / filter_scale;
    // NOLINTBEGIN(bugprone-incorrect-roundings): cut as Pillow cuts
    const int low = std::max(0, static_cast<int>(centre - support + 0.5));
    const int high = std::min(from, static_cast<int>(centre + support + 0.5));
    // NOLINTEND(bugprone-incorrect-roundings)
    double sum = 0;
    for (int x = low; x < high; ++x) {
      const double weight = filter((x - centre + 0.5) * inverse);
      exact[static_cast<std::size_t>(x - low)] = weight;
      sum += weight;
    }
    int* weights = taps.weights.data() + i * taps.stride;
    for (int x = 0; x < high - low; ++x) {
      double weight = exact[static_cast<std::size_t>(x)];
      if (sum != 0) weight /= sum;
      weight *= 1 << kPrecision;
      weights[x] = static_cast<int>(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    taps.first[i] = low;
    taps.count[i] = high - low;
  }
  return taps;
}

std::uint8_t clip(int sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kPrecision, 0, 255));
}

/// Rows [first, first + rows) of `picture`, each resampled to the taps' positions.
Picture across(const Picture& picture, const Taps& taps, int first, int rows) {
  Picture out{static_cast<int>(taps.first.size()), rows, {}};
  out.rgb.resize(taps.first.size() * 3 * static_cast<std::size_t>(rows));
  std::uint8_t* to = out.rgb.data();
  for (int y = first; y < first + rows; ++y) {
    const std::uint8_t* row = picture.rgb.data() + std::size_t{3} * static_cast<std::size_t>(y) *
                                                       static_cast<std::size_t>(picture.width);
    for (std::size_t i = 0; i < taps.first.size(); ++i) {
      const int* weights = taps.weights.data() + i * taps.stride;
      const std::uint8_t* from = row + 3 * static_cast<std::size_t>(taps.first[i]);
      int red = 1 << (kPrecision - 1), green = red, blue = red;
      for (int k = 0; k < taps.count[i]; ++k, from += 3) {
        red += weights[k] * from[0];
        green += weights[k] * from[1];
        blue += weights[k] * from[2];
      }
      *to++ = clip(red);
      *to++ = clip(green);
      *to++ = clip(blue);
    }
  }
  return out;
}

/// The rows of the result, out of rows of `picture`, the first of which is row `offset` of the
/// whole.
Picture down(const Picture& picture, const Taps& taps, int offset) {
  Picture out{picture.width, static_cast<int>(taps.first.size()), {}};
  const std::size_t stride = std::size_t{3} * static_cast<std::size_t>(picture.width);
  out.rgb.resize(stride * taps.first.size());
  std::vector<int> sums(stride);
  for (std::size_t i = 0; i < taps.first.size(); ++i) {
    std::fill(sums.begin(), sums.end(), 1 << (kPrecision - 1));
    for (int k = 0; k < taps.count[i]; ++k) {
      const int weight = taps.weights[i * taps.stride + static_cast<std::size_t>(k)];
      const std::uint8_t* row =
          picture.rgb.data() + stride * static_cast<std::size_t>(taps.first[i] + k - offset);
      for (std::size_t j = 0; j < stride; ++j) sums[j] += weight * row[j];
    }
    for (std::size_t j = 0; j < stride; ++j) out.rgb[i * stride + j] = clip(sums[j]);
  }
  return out;
}

/// A window that is not resized.
Picture cut(const Picture& picture, int left, int top, int width, int height) {
  Picture out{width, height, {}};
  const std::size_t stride = std::size_t{3} * static_cast<std::size_t>(width);
  out.rgb.resize(stride * static_cast<std::size_t>(height));
  for (int y = 0; y < height; ++y)
    std::memcpy(out.rgb.data() + stride * static_cast<std::size_t>(y),
                picture.rgb.data() + 3 * (static_cast<std::size_t>(top + y) *
                                              static_cast<std::size_t>(picture.width) +
                                          static_cast<std::size_t>(left)),
                stride);
  return out;
}

/// Python's round(): halves go to the even neighbour.
std::int64_t half(std::int64_t twice) {
  const std::int64_t low = twice / 2;
  return twice % 2 == 0 || low % 2 == 0 ? low : low + 1;
}

std::string number_text(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value);
  return std::string(text, end.ptr);
}

}  // namespace

Preprocessing Preprocessing::timm(int crop, double crop_pct) {
  Preprocessing out;
  out.crop = crop;
  out.resize = static_cast<int>(std::floor(crop / crop_pct));
  return out;
}

std::string Preprocessing::text() const {
  std::string out = (keep_aspect ? "shorter side " : "both sides ") + std::to_string(resize) +
                    (interpolation == Interpolation::kBicubic ? ", bicubic" : ", bilinear") +
                    ", middle " + std::to_string(crop) + ", mean";
  for (const float value : mean) out += ' ', out += number_text(value);
  out += ", deviation";
  for (const float value : std) out += ' ', out += number_text(value);
  return out;
}

std::size_t Preprocessing::values() const {
  return std::size_t{3} * static_cast<std::size_t>(crop) * static_cast<std::size_t>(crop);
}

Picture resize_window(const Picture& picture, std::int64_t width, std::int64_t height,
                      std::int64_t left, std::int64_t top, int window_width, int window_height,
                      Interpolation interpolation) {
  require(left >= 0 && top >= 0 && window_width > 0 && window_height > 0 &&
              left + window_width <= width && top + window_height <= height,
          "resize_window: the window leaves the picture");
  const bool wide = width != picture.width, high = height != picture.height;
  if (!wide && !high)
    return cut(picture, static_cast<int>(left), static_cast<int>(top), window_width, window_height);
  const Taps rows =
      high ? make_taps(picture.height, height, top, window_height, interpolation) : Taps{};
  // Rows that the window does not need are not resampled.
  int first = static_cast<int>(high ? rows.first.front() : top);
  const int end = high ? rows.first.back() + rows.count.back() : first + window_height;
  Picture out;
  if (wide) {
    const Taps columns = make_taps(picture.width, width, left, window_width, interpolation);
    out = across(picture, columns, first, end - first);
  } else {
    out = cut(picture, static_cast<int>(left), first, window_width, end - first);
  }
  return high ? down(out, rows, first) : out;
}

Picture resize_and_crop(const Picture& picture, const Preprocessing& settings) {
  require(settings.crop > 0 && settings.resize >= settings.crop,
          "resize_and_crop: the crop is larger than the resized picture");
  std::int64_t width = settings.resize, height = settings.resize;
  if (settings.keep_aspect) {
    // torchvision: int(size * long / short), the shorter side exactly.
    if (picture.width <= picture.height)
      height =
          static_cast<std::int64_t>(static_cast<double>(width) * picture.height / picture.width);
    else
      width =
          static_cast<std::int64_t>(static_cast<double>(height) * picture.width / picture.height);
  }
  return resize_window(picture, width, height, half(width - settings.crop),
                       half(height - settings.crop), settings.crop, settings.crop,
                       settings.interpolation);
}

void normalise(const Picture& picture, const Preprocessing& settings, std::span<float> out) {
  const std::size_t plane = settings.values() / 3;
  require(picture.width == settings.crop && picture.height == settings.crop &&
              out.size() == settings.values(),
          "normalise: wrong sizes");
  for (std::size_t channel = 0; channel < 3; ++channel) {
    std::array<float, 256> table;
    for (std::size_t value = 0; value < 256; ++value)
      table[value] =
          (static_cast<float>(value) / 255.0f - settings.mean[channel]) / settings.std[channel];
    for (std::size_t i = 0; i < plane; ++i)
      out[channel * plane + i] = table[picture.rgb[3 * i + channel]];
  }
}

}  // namespace blindtuner::features
