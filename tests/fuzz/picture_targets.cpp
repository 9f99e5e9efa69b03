// Pictures. A file's first bytes choose the decoder; a target keeps them, so that its runs are not
// spent on other kinds.
#include "features/image/formats.h"
#include "features/image/picture_set.h"
#include "features/image/preprocess.h"
#include "fuzz.h"

namespace blindtuner::fuzz {
using namespace features;
namespace {

// Larger ones are decoded as well, and only slower.
constexpr std::size_t kPixels = 1 << 16;

void prepare(const Picture& picture) {
  if (picture.rgb.size() != std::size_t{3} * picture.width * picture.height) std::abort();
  if (picture.rgb.size() > 3 * kPixels) return;
  Preprocessing settings;
  settings.resize = 9;
  settings.crop = 8;
  (void)resize_and_crop(picture, settings);
}

template <StoredPicture (*decode)(Bytes, const std::string&)>
void picture(Bytes bytes) {
  const StoredPicture stored = decode({bytes.data(), bytes.size()}, "picture");
  prepare(oriented(stored.picture, exif_orientation(stored.exif)));
}

// The bits of a 16-bit picture's values that count are the caller's to say.
StoredPicture png_of_16_bits(Bytes file, const std::string& where) {
  (void)decode_png(file, where, 12);
  return decode_png(file, where, 16);
}

// In a folder, whose names are classes.
void any_picture(Bytes bytes) {
  for (const char* name : {"a", "b"}) {
    std::filesystem::create_directories(scratch() / "pictures" / name);
    (void)scratch_file(std::string("pictures/") + name + "/1.jpg", bytes);
  }
  const PictureSet set = PictureSet::open({.images = scratch() / "pictures"});
  prepare(set.read(0).decode(set.where(0)));
}

void exif(Bytes bytes) {
  const int orientation = exif_orientation(bytes);
  if (orientation < 1 || orientation > 8) std::abort();
}

constexpr Target kPictureTargets[] = {
    {"jpeg", picture<decode_jpeg>}, {"png", picture<png_of_16_bits>}, {"bmp", picture<decode_bmp>},
    {"webp", picture<decode_webp>}, {"picture", any_picture},         {"exif", exif},
};

}  // namespace

std::span<const Target> picture_targets() { return kPictureTargets; }

}  // namespace blindtuner::fuzz
