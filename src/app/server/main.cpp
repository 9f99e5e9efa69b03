// blindtuner-server: trains and predicts on ciphertexts. Holds no secret and links no code that
// could.
#include "app/common/inspect.h"
#include "app/server/server.h"

namespace {

[[gnu::constructor(101)]] void begin() { blindtuner::app::handle_signals("blindtuner-server"); }

}  // namespace

int main(int argc, char** argv) {
  using namespace blindtuner::app;
  return guarded("blindtuner-server", [&] {
    Program program("blindtuner-server",
                    "The server's side of BlindTuner: trains and predicts on encrypted data");
    add_train(program);
    add_predict(program);
    add_audit(program);
    add_study(program);
    add_inspect(program, /*refuse_secret_keys=*/true);
    return program.run(argc, argv);
  });
}
