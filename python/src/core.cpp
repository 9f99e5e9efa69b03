// blindtuner._core: the public interface of the libraries, call for call, for Python.
#include <blindtuner/errors.h>
#include <blindtuner/owner.h>
#include <blindtuner/server.h>
#include <blindtuner/version.h>
#include <blindtuner/whitening.h>

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

struct OwnerHandle {
  explicit OwnerHandle(Owner of) : owner(std::move(of)) {}
  const Owner owner;
  AtWork at_work;
};

struct TrainingHandle {
  explicit TrainingHandle(Training of) : training(std::move(of)) {}
  Training training;
  AtWork at_work;
};

DataUse use_of(const std::string& name) {
  if (name == "training") return DataUse::kTraining;
  if (name == "validation") return DataUse::kValidation;
  if (name == "prediction") return DataUse::kPrediction;
  throw DataError("no use '" + name + "'; expected training, validation or prediction");
}

py::list entries_of(const Ledger& ledger) {
  py::list out;
  for (const LedgerEntry& e : ledger.entries)
    out.append(py::dict("kind"_a = kind_name(e.kind), "time"_a = e.time, "what"_a = e.what,
                        "data"_a = e.data, "run"_a = e.run, "round"_a = e.round,
                        "numbers"_a = e.numbers, "noise"_a = e.noise, "stop"_a = e.stop,
                        "reason"_a = e.reason, "bits"_a = e.bits));
  return out;
}

const char* name_of(TrainingEnd end) {
  switch (end) {
    case TrainingEnd::kAllSteps:
      return "all steps";
    case TrainingEnd::kStoppedByOwner:
      return "stopped by the owner";
    case TrainingEnd::kCalledOff:
      break;
  }
  return "steps are left";
}

TrainingOptions options_of(const py::object& configuration, const std::string& softmax,
                           double range) {
  return {.configuration = json_of(configuration), .softmax = softmax, .range = range};
}

ExpectedTraining expected_of(const std::optional<TrainingOptions>& options,
                             const std::optional<fs::path>& data) {
  return {.options = options, .data = data.value_or(fs::path())};
}

void add_errors(py::module_& m) {
  // The last that fits an exception is taken.
  auto& data = py::register_exception<DataError>(m, "DataError", PyExc_ValueError);
  data.doc() =
      "Data from outside is not what it must be: one line of what, where and what was expected.";
  py::register_exception<SecurityError>(m, "SecurityError", data.ptr()).doc() =
      "Parameters that do not reach the required security, or a key beyond its secret's bound.";
  py::register_exception<UntrustedResult>(m, "UntrustedResult", data.ptr()).doc() =
      "A result whose numbers no computation within its range can have given.";
  py::register_exception<ContractError>(m, "ContractError", PyExc_RuntimeError).doc() =
      "A mistake in the calling program.";
}

/// A frame's columns, texts or whatever else calls them; None: of anything else.
py::object column_names(const py::object& x) {
  if (!py::hasattr(x, "columns") || !py::hasattr(x, "dtypes")) return py::none();
  return py::list(x.attr("columns"));
}

bool are_texts(const py::object& names) {
  for (const py::handle& name : py::list(names))
    if (!py::isinstance<py::str>(name)) return false;
  return true;
}

/// Whether columns are others, or in another order. Frames number columns that nobody has named, so that texts and what
/// is none are not compared.
bool are_others(const py::object& names, const py::object& fitted) {
  return !fitted.is_none() && !names.is_none() && are_texts(names) == are_texts(fitted) &&
         !fitted.equal(names);
}

void add_values(py::module_& m) {
  py::class_<Context>(m, "Context", "Threads and memory that computations may use.")
      .def(py::init([](int threads, bool allow_insecure) {
             return Context({.threads = threads, .allow_insecure = allow_insecure});
           }),
           "threads"_a = 0, "allow_insecure"_a = false)
      .def_property_readonly("threads", &Context::threads)
      .def_property_readonly("allows_insecure", &Context::allows_insecure);

  py::class_<ParameterSet>(m, "ParameterSet", "A checked parameter set of the scheme.")
      .def_static("standard", &ParameterSet::standard)
      .def_static("named", &ParameterSet::named, "name"_a)
      .def_static(
          "from_json", [](const std::string& text) { return ParameterSet::from_json(text); },
          "text"_a)
      .def_property_readonly("name", &ParameterSet::name)
      .def_property_readonly("digest", &ParameterSet::digest)
      .def_property_readonly("insecure", &ParameterSet::insecure)
      .def("json", &ParameterSet::json)
      .def("__reduce__",
           [](const py::object& self) {
             const py::object made = py::module_::import("operator")
                                         .attr("methodcaller")("from_json", self.attr("json")());
             return py::make_tuple(made, py::make_tuple(py::type::of(self)));
           })
      .def("__repr__",
           [](const ParameterSet& set) { return "<blindtuner.ParameterSet " + set.name() + ">"; });

  py::class_<TrainingOptions>(m, "TrainingOptions",
                              "What owner and server agree on before a run: public.")
      .def(py::init(&options_of), "configuration"_a = py::none(), "softmax"_a = "default",
           "range"_a = 0.0)
      .def_readonly("configuration", &TrainingOptions::configuration)
      .def_readonly("softmax", &TrainingOptions::softmax)
      .def_readonly("range", &TrainingOptions::range)
      .def("score_range", &score_range, "classes"_a,
           "Magnitude of scores up to which the circuit of such a training is right.");

  py::class_<LinearModel>(m, "LinearModel", "A linear classifier in the clear.")
      .def_property_readonly(
          "weights",
          [](const LinearModel& model) { return array_of(model.weights, model.features); })
      .def_property_readonly("bias", [](const LinearModel& model) { return array_of(model.bias); })
      .def_readonly("steps", &LinearModel::steps)
      .def_readonly("complete", &LinearModel::complete)
      .def(
          "scores",
          [](const LinearModel& model, const py::object& x) {
            const Rows rows = rows_of(x);
            const DataSet data = set_of(rows);
            return array_of(without_lock([&] { return model.scores(data); }), model.classes);
          },
          "x"_a)
      .def(
          "classify",
          [](const LinearModel& model, const py::object& x) {
            const Rows rows = rows_of(x);
            const DataSet data = set_of(rows);
            return array_of(without_lock([&] { return model.classify(data); }));
          },
          "x"_a);

  py::class_<Scores>(m, "Scores", "Scores of an encrypted set, opened.")
      .def_property_readonly(
          "values", [](const Scores& scores) { return array_of(scores.values, scores.classes); })
      .def_readonly("problems", &Scores::problems);
  py::class_<PublishedModel>(m, "PublishedModel", "A model with noise, which may be shared.")
      .def_readonly("model", &PublishedModel::model)
      .def_readonly("noise", &PublishedModel::noise)
      .def_readonly("bits", &PublishedModel::bits);
  py::class_<PublishedScores>(m, "PublishedScores", "Scores with noise, which may be shared.")
      .def_readonly("scores", &PublishedScores::scores)
      .def_readonly("noise", &PublishedScores::noise)
      .def_readonly("bits", &PublishedScores::bits);
  py::class_<KeysInfo>(m, "KeysInfo", "What keys say of themselves; none of it is secret.")
      .def_readonly("identity", &KeysInfo::identity)
      .def_readonly("parameters", &KeysInfo::parameters)
      .def_property_readonly("features", [](const KeysInfo& info) { return info.shape.features; })
      .def_property_readonly("classes", [](const KeysInfo& info) { return info.shape.classes; })
      .def_readonly("bytes", &KeysInfo::bytes);
  py::class_<ValidationResult>(m, "ValidationResult", "How rounds of validation went.")
      .def_readonly("rounds", &ValidationResult::rounds)
      .def_readonly("best_round", &ValidationResult::best_round)
      .def_readonly("best_steps", &ValidationResult::best_steps)
      .def_readonly("loss", &ValidationResult::loss)
      .def_readonly("accuracy", &ValidationResult::accuracy)
      .def_readonly("stopped", &ValidationResult::stopped)
      .def_readonly("finished", &ValidationResult::finished)
      .def_readonly("problems", &ValidationResult::problems);
  py::class_<Ledger>(m, "Ledger", "What left by an owner's door.")
      .def_readonly("file", &Ledger::file)
      .def_property_readonly("entries", &entries_of)
      .def_readonly("published_bits", &Ledger::published_bits)
      .def_readonly("answered_bits", &Ledger::answered_bits)
      .def_readonly("refused_bits", &Ledger::refused_bits);

  py::class_<Whitening>(m, "Whitening",
                        "Features of mean 0, not correlated; moments of one's data. Of a frame it "
                        "has its columns' names, by "
                        "which `apply` refuses frames of others, or in another order.",
                        py::dynamic_attr())
      .def_static(
          "fit",
          [](const py::object& x, double epsilon, const std::optional<Context>& context) {
            const Rows rows = rows_of(x);
            const DataSet data = set_of(rows);
            py::object map = py::cast(
                without_lock([&] { return Whitening::fit(context_of(context), data, epsilon); }));
            map.attr("_columns") = column_names(x);
            return map;
          },
          "x"_a, "epsilon"_a = 0.01, "context"_a = py::none())
      .def_property_readonly("features", &Whitening::features)
      .def_property_readonly("width", &Whitening::width)
      .def(
          "apply",
          [](const py::object& self, const py::object& x) {
            const auto& map = self.cast<const Whitening&>();
            const py::object fitted = self.attr("_columns"), names = column_names(x);
            if (are_others(names, fitted))
              throw DataError("features: a frame of the columns " +
                              py::repr(names).cast<std::string>() +
                              ", expected those of the whitening, in its order: " +
                              py::repr(fitted).cast<std::string>());
            const Rows rows = rows_of(x);
            const DataSet data = set_of(rows);
            return array_of(without_lock([&] { return map.apply(data); }), map.width());
          },
          "x"_a)
      .def("unfold", &Whitening::unfold, "whitened"_a, py::call_guard<Unlocked>());
}

void add_owner(py::module_& m) {
  using Options = std::optional<TrainingOptions>;
  using Path = std::optional<fs::path>;
  py::class_<OwnerHandle>(m, "Owner",
                          "One owner's keys in their folder. What leaves is a call with `open` or "
                          "`publish` in its name.")
      .def_static(
          "make_keys",
          [](const fs::path& folder, std::size_t features, std::size_t classes, std::size_t batch,
             const py::object& parameters, const std::optional<std::string>& passphrase,
             const std::optional<Context>& context, const py::object& progress,
             const py::object& warning, const py::object& note) {
            const ParameterSet set = parameters_of(parameters);
            const std::string sealed_by = passphrase_of(passphrase);
            const OwnerNotices notices = notices_of(progress, warning, note);
            const Unlocked released;
            return std::make_unique<OwnerHandle>(Owner::make_keys(
                context_of(context), folder, set, {features, classes, batch}, sealed_by, notices));
          },
          "folder"_a, "features"_a, "classes"_a, py::kw_only(), "batch"_a = 4096,
          "parameters"_a = "Standard", "passphrase"_a = py::none(), "context"_a = py::none(),
          "progress"_a = py::none(), "warning"_a = py::none(), "note"_a = py::none())
      .def_static(
          "open",
          [](const fs::path& folder, const std::optional<std::string>& passphrase,
             const std::optional<Context>& context, const py::object& progress,
             const py::object& warning, const py::object& note) {
            const std::string sealed_by = passphrase_of(passphrase);
            const OwnerNotices notices = notices_of(progress, warning, note);
            const Unlocked released;
            return std::make_unique<OwnerHandle>(
                Owner::open(context_of(context), folder, sealed_by, notices));
          },
          "folder"_a, py::kw_only(), "passphrase"_a = py::none(), "context"_a = py::none(),
          "progress"_a = py::none(), "warning"_a = py::none(), "note"_a = py::none())
      .def_property_readonly("keys", [](const OwnerHandle& self) { return self.owner.keys(); })
      .def_property_readonly("evaluation_keys",
                             [](const OwnerHandle& self) { return self.owner.evaluation_keys(); })
      .def(
          "encrypt",
          [](OwnerHandle& self, const py::object& x, const py::object& y, const fs::path& file,
             const std::string& use, bool mixed, const py::object& progress,
             const py::object& warning, const py::object& note) {
            const std::vector<int> labels = labels_of(y);
            const Rows rows = rows_of(x);
            const DataSet data = set_of(rows, labels);
            const OwnerNotices notices = notices_of(progress, warning, note);
            alone(self, [&] {
              self.owner.encrypt(data, use_of(use), file,
                                 mixed ? SampleOrder::kMixed : SampleOrder::kKept, notices);
            });
          },
          "x"_a, "y"_a, "file"_a, py::kw_only(), "use"_a = "training", "mixed"_a = true,
          "progress"_a = py::none(), "warning"_a = py::none(), "note"_a = py::none())
      .def(
          "open_labels",
          [](OwnerHandle& self, const fs::path& data) {
            return array_of(alone(self, [&] { return self.owner.open_labels(data); }));
          },
          "data"_a)
      .def(
          "open_model",
          [](OwnerHandle& self, const fs::path& model, const Options& options, const Path& data) {
            return alone(self,
                         [&] { return self.owner.open_model(model, expected_of(options, data)); });
          },
          "model"_a, "options"_a = py::none(), "data"_a = py::none())
      .def(
          "open_scores",
          [](OwnerHandle& self, const fs::path& scores, const Options& options, const Path& data,
             const Path& scored) {
            return alone(self, [&] {
              return self.owner.open_scores(scores, expected_of(options, data),
                                            scored.value_or(fs::path()));
            });
          },
          "scores"_a, "options"_a = py::none(), "data"_a = py::none(), "scored"_a = py::none())
      .def(
          "publish_model",
          [](OwnerHandle& self, const fs::path& model, const TrainingOptions& options,
             const Path& data, double budget) {
            return alone(self, [&] {
              return self.owner.publish_model(model, expected_of(options, data), budget);
            });
          },
          "model"_a, "options"_a, "data"_a = py::none(), "budget"_a = 1.0)
      .def(
          "publish_scores",
          [](OwnerHandle& self, const fs::path& scores, const fs::path& model,
             const TrainingOptions& options, const Path& data, const Path& scored, double budget) {
            return alone(self, [&] {
              return self.owner.publish_scores(scores, model, expected_of(options, data),
                                               scored.value_or(fs::path()), budget);
            });
          },
          "scores"_a, "model"_a, "options"_a, "data"_a = py::none(), "scored"_a = py::none(),
          "budget"_a = 1.0)
      .def(
          "open_rounds",
          [](OwnerHandle& self, const fs::path& data, const fs::path& exchange,
             const fs::path& best_model, const Options& options, const Path& trained_on,
             int patience, double timeout, const py::object& round) {
            ValidationOptions asked{.data = data,
                                    .exchange = exchange,
                                    .best_model = best_model,
                                    .patience = patience,
                                    .timeout = timeout};
            asked.round = [&](const std::string& line) { tell(round, line); };
            const py::object nobody = py::none();
            asked.stop = [&] {
              tell(nobody);
              return false;
            };
            return alone(
                self, [&] { return self.owner.validate(asked, expected_of(options, trained_on)); });
          },
          "data"_a, "exchange"_a, "best_model"_a, "options"_a = py::none(),
          "trained_on"_a = py::none(), py::kw_only(), "patience"_a = 3, "timeout"_a = 3600.0,
          "round"_a = py::none(),
          "Answers a server's rounds of validation, each with one bit, to the end of its run.")
      .def("ledger",
           [](OwnerHandle& self) { return alone(self, [&] { return self.owner.ledger(); }); })
      .def("__repr__", [](const OwnerHandle&) { return "<blindtuner.Owner>"; })
      .def("__reduce_ex__", [](const OwnerHandle&, int) -> py::object {
        throw py::type_error(
            "an owner's keys are not pickled or copied: Owner.open() their folder");
      });
}

void add_server(py::module_& m) {
  py::class_<TrainingHandle>(m, "Training", "One run of training on encrypted data.")
      .def_property_readonly(
          "steps",
          [](TrainingHandle& self) { return alone(self, [&] { return self.training.steps(); }); })
      .def_property_readonly(
          "done",
          [](TrainingHandle& self) { return alone(self, [&] { return self.training.done(); }); })
      .def(
          "run",
          [](TrainingHandle& self, const py::object& progress, const py::object& waiting) {
            TrainingCallbacks callbacks;
            callbacks.training = [&](int step, double fraction) { tell(progress, step, fraction); };
            callbacks.waiting = [&](int round, double fraction) { tell(waiting, round, fraction); };
            return name_of(alone(self, [&] { return self.training.run(callbacks); }));
          },
          "progress"_a = py::none(), "waiting"_a = py::none(),
          "The steps that are left; called off, it goes on from there.")
      .def("step",
           [](TrainingHandle& self) {
             return name_of(alone(self, [&] { return self.training.step(); }));
           })
      .def(
          "save_model",
          [](TrainingHandle& self, const fs::path& file) {
            alone(self, [&] { self.training.save_model(file); });
          },
          "file"_a);

  py::class_<Server>(m, "Server",
                     "Computes under one owner's evaluation keys on what it cannot read.")
      .def_static(
          "load",
          [](const fs::path& evaluation_keys, const std::optional<Context>& context,
             const py::object& progress) {
            const Progress told = [&progress](double fraction) { tell(progress, fraction); };
            const Unlocked released;
            return Server::load(context_of(context), evaluation_keys, told);
          },
          "evaluation_keys"_a, "context"_a = py::none(), "progress"_a = py::none())
      .def_property_readonly("keys", &Server::keys)
      .def(
          "train",
          [](const Server& self, const fs::path& data, const TrainingOptions& options,
             const std::optional<fs::path>& checkpoint, const std::optional<fs::path>& validation,
             const std::optional<fs::path>& exchange, double timeout) {
            const Unlocked released;
            return std::make_unique<TrainingHandle>(self.train(
                data, options,
                {validation.value_or(fs::path()), exchange.value_or(fs::path()), timeout},
                checkpoint.value_or(fs::path())));
          },
          "data"_a, "options"_a = TrainingOptions(), "checkpoint"_a = py::none(),
          "validation"_a = py::none(), "exchange"_a = py::none(), "timeout"_a = 3600.0)
      .def(
          "score",
          [](const Server& self, const fs::path& data, const fs::path& model,
             const fs::path& scores, const py::object& progress) {
            const Progress told = [&progress](double fraction) { tell(progress, fraction); };
            const Unlocked released;
            self.score(data, model, scores, told);
          },
          "data"_a, "model"_a, "scores"_a, "progress"_a = py::none());
}

/// Of what comes from functions alone __new__ would make instances that nothing is in.
void refuse_empty_instances(const py::module_& m) {
  for (const char* name : {"FinetuningOutcome", "KeysInfo", "Ledger", "LinearModel", "Owner",
                           "ParameterSet", "PictureEncoder", "PublishedModel", "PublishedScores",
                           "Scores", "Server", "ServerTask", "Study", "StudyServer", "StudyStatus",
                           "TextEncoder", "Training", "ValidationResult", "Whitening"}) {
    const py::object type = m.attr(name);
    reinterpret_cast<PyTypeObject*>(type.ptr())->tp_new = [](PyTypeObject* of, PyObject*,
                                                             PyObject*) -> PyObject* {
      PyErr_Format(PyExc_TypeError, "%s: no call makes an empty one", of->tp_name);
      return nullptr;
    };
  }
}

}  // namespace
}  // namespace blindtuner::python

PYBIND11_MODULE(_core, m) {
  m.doc() = "The public interface of BlindTuner's libraries.";
  m.attr("__version__") = blindtuner::version();
  blindtuner::python::add_errors(m);
  blindtuner::python::add_values(m);
  blindtuner::python::add_owner(m);
  blindtuner::python::add_server(m);
  blindtuner::python::add_encoders(m);
  blindtuner::python::add_finetuning(m);
  blindtuner::python::add_study(m);
  blindtuner::python::refuse_empty_instances(m);
  m.def("default_configuration", &blindtuner::default_configuration, pybind11::arg("steps") = 0,
        "The JSON of what a training does when it is not told otherwise.");
}
