"""What a user reads where the GPU cannot be used: one line with the remedy and exit code 78, or the CPU.

Drivers are played by a small libcuda.so.1. Needs `make cuda`, no GPU.
"""

import os
import pathlib
import shutil
import subprocess

import pytest

LIBRARY = pathlib.Path(__file__).resolve().parents[2] / ".build/cuda/libmartlet_cuda.so"
CONFIGURATION_ERROR = 78
DRIVER = r"""
#include <string.h>
static int result(void) { return RESULT; }
static int version(int *out) { *out = VERSION; return 0; }
static int address(const char *name, void **out, int wanted, unsigned long long flags, void *status) {
  (void)wanted; (void)flags;
  if (status) *(int *)status = 0;
  *out = !strcmp(name, "cuDriverGetVersion") ? (void *)version
       : !strncmp(name, "cuGetProcAddress", 16) ? (void *)address : (void *)result;
  return 0;
}
int cuInit(unsigned flags) { (void)flags; return RESULT; }
int cuDriverGetVersion(int *out) { return version(out); }
int cuGetProcAddress_v2(const char *name, void **out, int wanted, unsigned long long flags, void *status) {
  return address(name, out, wanted, flags, status);
}
"""

needs_library = pytest.mark.skipif(not LIBRARY.exists(), reason="the CUDA backend is not built (make cuda)")
needs_no_driver = pytest.mark.skipif(
    pathlib.Path("/proc/driver/nvidia/version").exists() or shutil.which("cc") is None, reason="needs cc, and no NVIDIA driver")


def martlet(*arguments, **environment):
    return subprocess.run(
        [os.environ["MARTLET_BINARY"], *map(str, arguments)], capture_output=True, text=True, timeout=60,
        env={**os.environ, **environment})


def refused(reply):
    """The only line that a refusal prints."""
    assert reply.returncode == CONFIGURATION_ERROR, reply
    assert reply.stdout == "" and len(reply.stderr.splitlines()) == 1
    return reply.stderr


@pytest.fixture
def driver(tmp_path):
    """Makes a driver of some version whose other calls all end with one result."""
    def make(version, result):
        (tmp_path / "driver.c").write_text(DRIVER)
        subprocess.run(["cc", "-shared", "-fPIC", f"-DVERSION={version}", f"-DRESULT={result}", "driver.c", "-o",
                        "libcuda.so.1"], cwd=tmp_path, check=True)
        return {"LD_LIBRARY_PATH": str(tmp_path)}
    return make


def serve(library=LIBRARY, **environment):
    return martlet("serve", "--model-path", os.environ["MARTLET_MODEL"], "--device", "cuda", "--cuda-library", library,
                   **environment)


@needs_library
@needs_no_driver
def test_without_a_driver():
    assert "install driver 580 or later, or use --device cpu" in refused(serve())


@needs_library
@needs_no_driver
def test_an_old_driver(driver):
    assert "supports CUDA 12.8 only; install driver 580" in refused(serve(**driver(12080, 3)))


@needs_library
@needs_no_driver
@pytest.mark.parametrize("result", [100, 3, 999], ids=["no device", "no initialization", "unknown"])
def test_a_driver_without_a_usable_gpu(driver, result):
    assert "no GPU can be used" in refused(serve(**driver(13000, result)))


@needs_library
@needs_no_driver
def test_auto_runs_on_the_cpu_and_says_why(driver):
    reply = martlet("generate", os.environ["MARTLET_MODEL"], "Hello", "--max-new-tokens", 1, "--cuda-library", LIBRARY,
                    **driver(12080, 3))
    assert reply.returncode == 0
    assert "the GPU is not used" in reply.stderr and "install driver 580" in reply.stderr
    assert "running on the CPU" in reply.stderr


@needs_library
@needs_no_driver
def test_doctor_names_what_is_missing(driver):
    reply = martlet("doctor", "--cuda-library", LIBRARY, **driver(12080, 3))
    assert reply.returncode == 0 and "install driver 580" in reply.stdout


def test_files_that_are_no_backend(tmp_path):
    text = tmp_path / "text.so"
    text.write_text("no library")
    assert str(text) in refused(serve(text))
    assert "--cuda-library /nowhere.so: does not exist" in refused(serve("/nowhere.so"))


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs cc")
def test_libraries_of_another_interface(tmp_path):
    for source, problem in [("int other;", "does not export mk_backend_table"),
                            ("const unsigned *mk_backend_table(void) { static const unsigned table[512] = {9999};"
                             "return table; }", "interface version 9999"),
                            ("void *mk_backend_table(void) { return 0; }", "no usable device")]:
        library = tmp_path / "other.so"
        (tmp_path / "other.c").write_text(source)
        subprocess.run(["cc", "-shared", "-fPIC", "other.c", "-o", library], cwd=tmp_path, check=True)
        assert problem in refused(serve(library))


def test_too_little_memory():
    reply = martlet("serve", "--model-path", os.environ["MARTLET_MODEL"], "--device", "cpu", "--mem-fraction-static",
                    "0.001")
    assert "--mem-fraction-static" in refused(reply)
