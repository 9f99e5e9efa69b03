#include "features/data/whitening.h"

#include <blindtuner/whitening.h>

#include <utility>

#include "api/common/state.h"
#include "api/owner/samples.h"
#include "base/error.h"

namespace blindtuner {

struct Whitening::State {
  Context context;
  features::Whitening map;
};

const Whitening::State& Whitening::state() const {
  require(state_ != nullptr, "a whitening that was moved from");
  return *state_;
}

Whitening Whitening::fit(const Context& context, const DataSet& data, double epsilon) {
  const UseContext use(context);
  const features::FeatureMatrix samples = matrix_of(data);
  features::validate_finite(samples, "samples for whitening");
  return Whitening(
      std::make_shared<const State>(State{context, features::Whitening::fit(samples, epsilon)}));
}

std::size_t Whitening::features() const { return state().map.input_width(); }
std::size_t Whitening::width() const { return state().map.output_width(); }

std::vector<float> Whitening::apply(const DataSet& data) const {
  const UseContext use(state().context);
  const features::FeatureMatrix out = state().map.apply(matrix_of(data));
  return {out.data(), out.data() + out.size()};
}

LinearModel Whitening::unfold(const LinearModel& whitened) const {
  require(whitened.weights.size() == whitened.classes * whitened.features &&
              whitened.bias.size() == whitened.classes,
          "a model has a weight a class and feature");
  const auto classes = static_cast<Eigen::Index>(whitened.classes);
  using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const features::LinearClassifier raw =
      state().map.unfold({Eigen::Map<const Rows>(whitened.weights.data(), classes,
                                                 static_cast<Eigen::Index>(whitened.features)),
                          Eigen::Map<const Eigen::VectorXd>(whitened.bias.data(), classes)});
  LinearModel out = whitened;
  out.features = features();
  out.weights.resize(out.classes * out.features);
  Eigen::Map<Rows>(out.weights.data(), raw.weights.rows(), raw.weights.cols()) = raw.weights;
  out.bias.assign(raw.bias.begin(), raw.bias.end());
  return out;
}

}  // namespace blindtuner
