#include "app/common/head_options.h"

#include "app/common/options.h"

namespace blindtuner::app {

CircuitChoice HeadOptions::choice(const std::string& trained_for) const {
  return {trained_for, softmax.empty() ? "default" : softmax, range};
}

void add_head_options(Command& command, HeadOptions& options) {
  command.add_option(
      "--head", options.head,
      "what is trained for: softmax; sigmoid, every class against all others; squared, "
      "least squares (the configuration's, softmax)");
  command.add_option("--softmax", options.softmax,
                     "family of softmax circuits: default, guaranteed, wide (default)");
  add_number(command, "--range", options.range,
             "largest |logit| that the circuit is to be fit for (the widest that takes no further "
             "bootstrap)",
             1, 1e4);
}

}  // namespace blindtuner::app
