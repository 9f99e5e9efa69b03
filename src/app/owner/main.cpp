// blindtuner: the data owner's program. Everything that touches a secret key is here.
#include "app/common/inspect.h"
#include "app/owner/owner.h"
#include "base/hardening.h"

namespace {

[[gnu::constructor(101)]] void begin() { blindtuner::app::handle_signals("blindtuner"); }

}  // namespace

int main(int argc, char** argv) {
  using namespace blindtuner::app;
  blindtuner::harden_process();
  return guarded("blindtuner", [&] {
    Program program(
        "blindtuner",
        "The data owner's side of BlindTuner: keys, encryption, decryption, evaluation");
    add_plan(program);
    add_keygen(program);
    add_passphrase(program);
    add_extract(program);
    add_whiten(program);
    add_encrypt(program);
    add_validate(program);
    add_decrypt(program);
    add_evaluate(program);
    add_ledger(program);
    add_finetune(program);
    add_demo(program);
    add_study(program);
    add_inspect(program, /*refuse_secret_keys=*/false);
    return program.run(argc, argv);
  });
}
