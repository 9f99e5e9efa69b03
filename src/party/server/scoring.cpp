#include "party/server/scoring.h"

#include "learn/encrypted_trainer.h"

namespace blindtuner::party {
using namespace learn;

ScoresFile score(const ServerKeys& keys, const ModelFile& model, const DatasetFile& data,
                 const FractionCallback& progress) {
  return {predict(keys.set.parameters, model.model, data.data, keys.keys, progress), data.info.id,
          model.training.circuit, model.training, model.data};
}

}  // namespace blindtuner::party
