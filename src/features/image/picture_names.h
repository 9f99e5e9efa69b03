// Pictures that are called after others: masks and changed copies among those that they are made of.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace blindtuner::features {

struct NamesakePictures {
  /// One a picture: the path, without its ending, of the picture that it is called after, or its own.
  std::vector<std::string> originals;
  /// Those called after another, or after one that others are called after as well.
  std::vector<std::size_t> called;
};

/// A picture is called after one of its own folder whose name, a separator and a word make its own
/// ("img_3_flip.png" and "img_3 (copy).png" after "img_3.png"; not "img_3_2.png"), and several after
/// one that need not be there as Roboflow names what it makes of it ("img_3_png.rf.0a1b.jpg").
NamesakePictures namesake_pictures(const std::vector<std::filesystem::path>& pictures);

}  // namespace blindtuner::features
