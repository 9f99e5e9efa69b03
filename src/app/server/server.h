// The commands of the server's program.
#pragma once

#include "app/common/program.h"

namespace blindtuner::app {

void add_train(Program& program);
void add_predict(Program& program);
void add_audit(Program& program);
void add_study(Program& program);

}  // namespace blindtuner::app
