// Labels that say several classes of one sample.
#pragma once

#include <string>
#include <vector>

namespace blindtuner::features {

/// Of classes that are lists of classes ("edema|mass" beside "mass", "[0, 2]", "3,27"): a warning that each
/// list is a class of its own. Every part of a list must be in two names, so that "oak, red" and
/// "oak, white" are none; empty without any.
std::string label_list_warning(const std::vector<std::string>& classes);

}  // namespace blindtuner::features
