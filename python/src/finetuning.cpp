// blindtuner._core: a whole run, whose server is a function of Python's.
#include <blindtuner/finetuning.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "binding.h"

namespace blindtuner::python {
namespace {

namespace fs = std::filesystem;

/// What the server's part is given is of no use afterwards, and may still be held.
class Lent {
 public:
  explicit Lent(const ServerTask& task) : task_(std::make_shared<ServerTask>(task)) {}
  ~Lent() {
    task_->answer = [] { throw ContractError("the run that this task was of is over"); };
  }
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;
  const std::shared_ptr<ServerTask>& task() const { return task_; }

 private:
  std::shared_ptr<ServerTask> task_;
};

FinetuningOutcome run(const py::object& x, const py::object& y, const fs::path& folder,
                      const py::function& server, const FinetuningOptions& options,
                      const py::object& validation_x, const py::object& validation_y,
                      const std::optional<Context>& context, const py::object& progress,
                      const py::object& warning, const py::object& note) {
  const std::vector<int> labels = labels_of(y), validation_labels = labels_of(validation_y);
  const Rows rows = rows_of(x);
  const std::optional<Rows> held =
      validation_x.is_none() ? std::nullopt : std::optional<Rows>(rows_of(validation_x));
  const DataSet data = set_of(rows, labels);
  const DataSet validation = held ? set_of(*held, validation_labels) : DataSet{};
  const OwnerNotices notices = notices_of(progress, warning, note);
  const auto serve = [&](const ServerTask& task) {
    wait_where_python_ends();
    const py::gil_scoped_acquire lock;
    const Lent lent(task);
    server(lent.task());
  };
  return without_lock([&] {
    return finetune(context_of(context), folder, data, options, serve, notices, validation);
  });
}

}  // namespace

void add_finetuning(py::module_& m) {
  using O = FinetuningOptions;
  py::class_<O>(m, "FinetuningOptions",
                "What a run is told, as the command `finetune`; what is left out is the preset's.")
      .def(py::init<>())
      .def_readwrite("preset", &O::preset)
      .def_property(
          "configuration", [](const O& o) { return o.configuration; },
          [](O& o, const py::object& given) { o.configuration = json_of(given); })
      .def_readwrite("head", &O::head)
      .def_readwrite("softmax", &O::softmax)
      .def_readwrite("range", &O::range)
      .def_readwrite("steps", &O::steps)
      .def_readwrite("epochs", &O::epochs)
      .def_readwrite("learning_rate", &O::learning_rate)
      .def_readwrite("batch", &O::batch)
      .def_readwrite("validation_every", &O::validation_every)
      .def_readwrite("l2", &O::l2)
      .def_readwrite("whitened", &O::whitened)
      .def_readwrite("epsilon", &O::epsilon)
      .def_readwrite("validation_fraction", &O::validation_fraction)
      .def_readwrite("patience", &O::patience)
      .def_readwrite("balance", &O::balance)
      .def_readwrite("class_weights", &O::class_weights)
      .def_readwrite("seed", &O::seed)
      .def_readwrite("unchecked", &O::unchecked)
      .def_property(
          "parameters", [](const O& o) { return o.parameters; },
          [](O& o, const py::object& given) { o.parameters = parameters_of(given); });

  py::class_<ServerTask, std::shared_ptr<ServerTask>>(
      m, "ServerTask", "What the server of a run is given, public or encrypted, and asked for.")
      .def_readonly("evaluation_keys", &ServerTask::evaluation_keys)
      .def_readonly("data", &ServerTask::data)
      .def_readonly("options", &ServerTask::options)
      .def_property_readonly("validation",
                             [](const ServerTask& task) -> std::optional<fs::path> {
                               if (task.validation.empty()) return {};
                               return task.validation;
                             })
      .def_property_readonly("exchange",
                             [](const ServerTask& task) -> std::optional<fs::path> {
                               if (task.exchange.empty()) return {};
                               return task.exchange;
                             })
      .def_readonly("model", &ServerTask::model, "Where the encrypted model is to be in the end.")
      .def(
          "answer", [](const ServerTask& task) { without_lock(task.answer); },
          "Answers the rounds of validation that came; to be called while the server waits.");

  py::class_<FinetuningOutcome>(m, "FinetuningOutcome", "What came out of a run.")
      .def_readonly("model", &FinetuningOutcome::model)
      .def_readonly("trusted", &FinetuningOutcome::trusted)
      .def_readonly("problems", &FinetuningOutcome::problems)
      .def_readonly("report", &FinetuningOutcome::report);

  m.def("finetune", &run, "x"_a, "y"_a, "folder"_a, "server"_a, py::kw_only(),
        "options"_a = FinetuningOptions(), "validation_x"_a = py::none(),
        "validation_y"_a = py::none(), "context"_a = py::none(), "progress"_a = py::none(),
        "warning"_a = py::none(), "note"_a = py::none(),
        "From samples in the clear to a classifier that was trained on ciphertexts. `server` is "
        "called once, with "
        "a ServerTask.");
}

}  // namespace blindtuner::python
