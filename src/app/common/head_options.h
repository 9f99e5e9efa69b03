// What is trained for, and by which circuit, on the command line.
#pragma once

#include <string>

#include "app/common/command_line.h"
#include "learn/head.h"

namespace blindtuner::app {
using namespace learn;

/// What is trained for, and the circuit that computes it (learn/head.h).
struct HeadOptions {
  std::string head;     ///< empty: the configuration's
  std::string softmax;  ///< the family of softmax circuits; empty: "default"
  double range = 0;
  bool given() const { return !head.empty() || !softmax.empty() || range > 0; }
  CircuitChoice choice(const std::string& trained_for) const;
};
/// --head, --softmax and --range.
void add_head_options(Command& command, HeadOptions& options);

}  // namespace blindtuner::app
