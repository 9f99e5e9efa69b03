// What the files of the module share. The interpreter's lock is not held while anything is computed. Working calls come
// back for it to let signals through (Ctrl-C) and to tell a function of Python's how far they are; what either raises
// ends the call.
#pragma once

#include <blindtuner/context.h>
#include <blindtuner/data_set.h>
#include <blindtuner/errors.h>
#include <blindtuner/owner.h>
#include <blindtuner/parameters.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace blindtuner::python {
namespace py = pybind11;
using namespace py::literals;

using Rows = py::array_t<float, py::array::c_style | py::array::forcecast>;

/// A thread that comes back for the interpreter's lock while the interpreter ends is ended there, amid C++ that does not
/// expect it: it waits for the end of the process.
inline void wait_where_python_ends() {
#if PY_VERSION_HEX >= 0x030D0000
  while (Py_IsFinalizing()) ::pause();
#else
  while (_Py_IsFinalizing()) ::pause();
#endif
}

/// While one lives, others have the interpreter's lock.
class Unlocked {
 public:
  Unlocked() = default;
  ~Unlocked() { wait_where_python_ends(); }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  py::gil_scoped_release released_;
};

/// Of a handle that works for one call at a time: others, on other threads or out of a function that tells how far the
/// first one is, are refused. A lock would have them wait, the latter for ever.
class AtWork {
 public:
  AtWork() = default;
  AtWork(const AtWork&) = delete;
  AtWork& operator=(const AtWork&) = delete;

  class Call {
   public:
    explicit Call(AtWork& of) : of_(of) {
      if (of_.busy_.test_and_set())
        throw ContractError("is at work: one call at a time on an owner, a training or a study");
    }
    ~Call() { of_.busy_.clear(); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    AtWork& of_;
  };

 private:
  std::atomic_flag busy_;
};

/// Without the interpreter's lock, and alone.
template <typename Handle, typename Work>
auto alone(Handle& handle, const Work& work) {
  const Unlocked released;
  const typename AtWork::Call call(handle.at_work);
  return work();
}

/// From within a call that does not hold the interpreter's lock.
template <typename... Arguments>
void tell(const py::object& function, const Arguments&... arguments) {
  wait_where_python_ends();
  const py::gil_scoped_acquire lock;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  if (!function.is_none()) function(arguments...);
}

/// DataError for what is no number and for what a mask hides, by one rule with the classes.
inline py::module_ sample_rules() { return py::module_::import("blindtuner.samples"); }

inline Rows rows_of(const py::object& x) {
  const auto array = py::array::ensure(sample_rules().attr("numbers")(x));
  if (!array) throw DataError("features: no array of numbers can be made of them");
  if (std::string_view("fiubO").find(array.dtype().kind()) == std::string_view::npos)
    throw DataError("features: an array of " + py::str(array.dtype()).cast<std::string>() +
                    ", expected real numbers");
  if (array.ndim() != 2 || array.shape(1) == 0)
    throw DataError("features: an array of shape " +
                    py::str(array.attr("shape")).cast<std::string>() +
                    ", expected samples x features");
  auto rows = Rows::ensure(array);
  if (!rows) throw DataError("features: some are no numbers, or missing: expected a number each");
  // pybind11 before 2.12 reads 0 of NumPy 2's.
  const bool is_held = array.attr("itemsize").cast<int>() <= (array.dtype().kind() == 'f' ? 4 : 2);
  if (!is_held && array.dtype().kind() != 'b') {
    const auto exact =
        py::array_t<double, py::array::c_style | py::array::forcecast>::ensure(array);
    if (!exact) throw py::error_already_set();
    check_single_precision({exact.data(), static_cast<std::size_t>(exact.size())},
                           static_cast<std::size_t>(exact.shape(1)));
  }
  return rows;
}

/// What it is made of must outlive it.
inline DataSet set_of(const Rows& x, const std::vector<int>& labels = {}) {
  return {.features = {x.data(), static_cast<std::size_t>(x.size())},
          .width = static_cast<std::size_t>(x.shape(1)),
          .labels = labels};
}

/// numpy would cut fractions and wrap what an int does not hold.
inline std::vector<int> labels_of(const py::object& y) {
  if (y.is_none()) return {};
  sample_rules().attr("require_unmasked")(y, "labels", "one a sample");
  const auto array = py::array::ensure(y);
  if (!array) throw DataError("labels: no array can be made of them");
  if (array.ndim() != 1 || (array.dtype().kind() != 'i' && array.dtype().kind() != 'u'))
    throw DataError("labels: expected one whole number a sample, the class from 0");
  using Whole = py::array_t<std::int64_t, py::array::c_style | py::array::forcecast>;
  const auto whole = Whole::ensure(array);
  if (!whole) throw py::error_already_set();
  std::vector<int> out;
  out.reserve(static_cast<std::size_t>(whole.size()));
  for (py::ssize_t i = 0; i < whole.size(); ++i) {
    if (!std::in_range<int>(whole.at(i)))
      throw DataError("labels: no class " + std::to_string(whole.at(i)));
    out.push_back(static_cast<int>(whole.at(i)));
  }
  return out;
}

/// The numbers are the array's from then on, not copied.
template <typename T>
py::array_t<T> array_over(std::vector<T>&& values, std::vector<py::ssize_t> shape) {
  auto kept = std::make_unique<std::vector<T>>(std::move(values));
  const T* data = kept->data();
  const py::capsule owner(kept.release(), [](void* p) { delete static_cast<std::vector<T>*>(p); });
  return py::array_t<T>(std::move(shape), data, owner);
}

template <typename T>
py::array_t<T> array_of(std::vector<T> values) {
  const auto size = static_cast<py::ssize_t>(values.size());
  return array_over(std::move(values), {size});
}

template <typename T>
py::array_t<T> array_of(std::vector<T> values, std::size_t columns) {
  const std::size_t rows = columns == 0 ? 0 : values.size() / columns;
  return array_over(std::move(values),
                    {static_cast<py::ssize_t>(rows), static_cast<py::ssize_t>(columns)});
}

inline Context context_of(const std::optional<Context>& given) {
  return given ? *given : Context();
}

template <typename F>
auto without_lock(const F& call) {
  const Unlocked released;
  return call();
}

// The functions are captured by reference: a copy would count references without the lock.
inline OwnerNotices notices_of(const py::object& progress, const py::object& warning,
                               const py::object& note) {
  OwnerNotices out;
  out.progress = [&progress](const std::string& task, double fraction) {
    tell(progress, task, fraction);
  };
  out.warning = [&warning](const std::string& text) { tell(warning, text); };
  out.note = [&note](const std::string& text) { tell(note, text); };
  return out;
}

/// A set, or the name of one.
inline ParameterSet parameters_of(const py::object& given) {
  if (py::isinstance<py::str>(given)) return ParameterSet::named(given.cast<std::string>());
  if (py::isinstance<ParameterSet>(given)) return given.cast<ParameterSet>();
  throw py::type_error("parameters: expected a ParameterSet or the name of one");
}

/// None, text as it is, or what json makes of a dictionary.
inline std::string json_of(const py::object& given) {
  if (given.is_none()) return {};
  if (py::isinstance<py::str>(given)) return given.cast<std::string>();
  return py::module_::import("json").attr("dumps")(given).cast<std::string>();
}

/// None: none. An empty one, as of a variable that was not set, would protect nothing.
inline std::string passphrase_of(const std::optional<std::string>& given) {
  if (given && given->empty())
    throw DataError("the passphrase is empty; expected one, or None for keys without");
  return given.value_or("");
}

void add_encoders(py::module_& m);
void add_finetuning(py::module_& m);
void add_study(py::module_& m);

}  // namespace blindtuner::python
