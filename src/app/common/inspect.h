// `inspect`: what a file is, without any key.
#pragma once

#include "app/common/program.h"

namespace blindtuner {

/// Adds the command. The server's program refuses secret keys here as everywhere.
void add_inspect(Program& program, bool refuse_secret_keys);

}  // namespace blindtuner
