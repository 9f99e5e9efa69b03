// blindtuner plan: time, memory and bytes of a run before it is started. Needs no keys.
#include <memory>
#include <nlohmann/json.hpp>

#include "app/common/config_file.h"
#include "app/common/head_options.h"
#include "app/common/options.h"
#include "app/common/progress.h"
#include "app/owner/owner.h"
#include "base/error.h"
#include "base/parallel.h"
#include "plan/study_forecast.h"
#include "records/study/manifest.h"
#include "rlwe/written_parameters.h"

namespace blindtuner::app {
using namespace plan;
namespace {

struct PlanOptions {
  std::size_t samples = 0, features = 768, batch = 0,
              owners = 0;  // owners: 0 for one without a study
  int classes = 0, steps = 0, epochs = 0;
  HeadOptions head;
  std::string config, parameters;
  bool calibrate = false;

  std::string parameters_name() const {
    if (!parameters.empty()) return parameters;
    return owners == 0 ? standard_parameters().name : records::StudyDraft::parameters_for(owners);
  }
};

TrainingConfig plan_config(const PlanOptions& o) {
  TrainingConfig config = read_training_config(o.config, o.classes, o.head.head);
  if (o.batch != 0) config.batch_size = o.batch;
  if (o.steps != 0)
    set_steps(config, o.steps);
  else if (o.epochs != 0)
    set_epochs(config, o.epochs);
  validate(config);
  return config;
}

void plan(const CommonOptions& common, const PlanOptions& o) {
  ForecastRequest request;
  request.parameters = Parameters::create(o.owners == 0 ? named_parameters(o.parameters_name())
                                                        : find_parameters(o.parameters_name()));
  const Parameters& p = *request.parameters;
  if (p.insecure() && !common.allow_insecure)
    throw SecurityError("parameters '" + o.parameters_name() +
                        "' are below 128 bits of security; refused without "
                        "--allow-insecure-parameters");
  request.config = plan_config(o);
  const auto classes = static_cast<std::size_t>(o.classes);
  request.circuit = &find_circuit(o.head.choice(request.config.head), o.classes);
  const bool measure = o.calibrate || !has_reference_costs(p.literal().name);
  UnitCosts costs;
  if (measure) {
    ProgressBar bar("measuring this machine", common.quiet);
    costs = measure_unit_costs(request.parameters);
    bar.finish();
  } else {
    costs = reference_unit_costs(max_threads());
  }
  const auto print = [&](const auto& forecast) {
    print_report(common, to_json(forecast),
                 to_text(forecast) +
                     (measure ? "" : "--calibrate measures this machine, in a few seconds.\n"));
  };
  if (o.owners != 0) {
    print(make_study_forecast({request.parameters, o.owners, o.samples, o.features, classes,
                               request.config, request.circuit},
                              costs));
    return;
  }
  const ProductLayout planned = ProductLayout::plan(p, request.config.batch_size, o.features + 1,
                                                    classes, request.config.batch_size);
  request.layout = ProductLayout::create(p, o.samples, o.features + 1, classes, planned.width);
  print(make_forecast(request, costs));
}

}  // namespace

void add_plan(Program& program) {
  program.add_command(
      "plan", "what a run will take: time, memory, bytes; before any key is made",
      [&](Command& command) -> std::function<void()> {
        auto o = std::make_shared<PlanOptions>();
        add_number(command, "--samples", o->samples, "training samples", 1, kMaxSamples).required();
        add_number(command, "--features", o->features, "features a sample, after whitening", 1,
                   kMaxColumns - 1)
            .show_default();
        add_number(command, "--classes", o->classes, "number of classes", 2, kMaxClasses)
            .required();
        command.add_option("--config", o->config,
                           "training configuration (JSON); without, the server's default");
        add_number(command, "--batch", o->batch, "batch size, instead of the configuration's", 1,
                   kMaxBatch);
        const Option steps =
            add_number(command, "--steps", o->steps,
                       "number of steps, instead of the configuration's", 1, kMaxSteps);
        add_number(command, "--epochs", o->epochs, "passes over the data, instead of steps", 1,
                   kMaxSteps)
            .excludes(steps);
        add_number(
            command, "--owners", o->owners,
            "owners of a study, who have equal parts of the samples; without, one owner alone",
            records::kLeastOwners, records::kMostOwners);
        add_head_options(command, o->head);
        command.add_option(
            "--parameters", o->parameters,
            "name of a parameter set, or, of one owner, a file of JSON that holds one; "
            "without, Standard, or a study's for so many owners");
        command.add_flag("--calibrate", o->calibrate,
                         "measure this machine instead of taking the reference machine's figures");
        return [&program, o] { plan(program.options(), *o); };
      });
}

}  // namespace blindtuner::app
