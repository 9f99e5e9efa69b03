// The head whose predictions are the scores themselves: least squares on labels of 0 and 1.
#pragma once

#include "learn/head.h"

namespace blindtuner::learn {

/// P_k = z_k. Nothing nonlinear is wanted; what is evaluated is an arcsine, which undoes eval_mod's sine:
/// 3 levels, |z| <= 8, any number of classes.
const Head& squared_head();

}  // namespace blindtuner::learn
