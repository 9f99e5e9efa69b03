// The public view of samples and models, as the layers below hold them.
#pragma once

#include <blindtuner/data_set.h>
#include <blindtuner/model.h>

#include "features/samples/dataset.h"

namespace blindtuner {

/// Throws ContractError for what are no whole rows.
features::FeatureMatrix matrix_of(const DataSet& data);

/// Its steps and its end are the caller's to say.
LinearModel linear_model_of(const features::LinearClassifier& classifier);

}  // namespace blindtuner
