// The commands of the owner's program.
#pragma once

#include "app/common/program.h"

namespace blindtuner::app {

void add_keygen(Program& program);
void add_passphrase(Program& program);
void add_extract(Program& program);
void add_whiten(Program& program);
void add_encrypt(Program& program);
void add_validate(Program& program);
void add_decrypt(Program& program);
void add_evaluate(Program& program);
void add_ledger(Program& program);
void add_finetune(Program& program);
void add_demo(Program& program);
void add_plan(Program& program);
/// The commands of several owners.
void add_study(Program& program);

}  // namespace blindtuner::app
