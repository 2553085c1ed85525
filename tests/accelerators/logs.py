"""What Coral's compiler printed for people who asked about it in public: the lines that say
something, as they stood there.

github.com/google-coral/edgetpu, issues 427 (version 15), 572 (16) and 60 (2.1); the last as its
`.log` file has it, of github.com/maxbbraun/thermal-face, issue 2 (14.1).
"""

VERSION_15 = """\
Edge TPU Compiler version 15.0.340273435

Model compiled successfully in 1379 ms.

Input model: model.tflite
Input size: 4.41MiB
Output model: model_edgetpu.tflite
Output size: 5.49MiB
On-chip memory used for caching model parameters: 1.92MiB
On-chip memory remaining for caching model parameters: 1.75KiB
Off-chip memory used for streaming uncached model parameters: 3.23MiB
Number of Edge TPU subgraphs: 1
Total number of operations: 136
Operation log: model_edgetpu.log

Number of operations that will run on Edge TPU: 135
Number of operations that will run on CPU: 1

Operator                       Count      Status

RESHAPE                        15         Mapped to Edge TPU
CONCATENATION                  3          Mapped to Edge TPU
MAX_POOL_2D                    3          Mapped to Edge TPU
ADD                            10         Mapped to Edge TPU
CUSTOM                         1          Operation is working on an unsupported data type
"""

VERSION_16_WITHOUT_A_TABLE = """\
Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.

Model compiled successfully in 542 ms.

Input model: quantized_model.tflite
Input size: 4.04MiB
Output model: quantized_model_edgetpu.tflite
Output size: 4.13MiB
On-chip memory used for caching model parameters: 604.50KiB
On-chip memory remaining for caching model parameters: 511.50KiB
Off-chip memory used for streaming uncached model parameters: 3.45MiB
Number of Edge TPU subgraphs: 1
Total number of operations: 50
Operation log: quantized_model_edgetpu.log
See the operation log file for individual operation details.
Compilation child process completed within timeout period.
Compilation succeeded!
"""

VERSION_2 = """\
Edge TPU Compiler version 2.1.302470888

Model compiled successfully in 12264 ms.

On-chip memory used for caching model parameters: 6.86MiB
Off-chip memory used for streaming uncached model parameters: 1.22MiB
Number of Edge TPU subgraphs: 1
Total number of operations: 93

Number of operations that will run on Edge TPU: 83
Number of operations that will run on CPU: 10

Operator                       Count      Status

LOGISTIC                       1          More than one subgraph is not supported
ADD                            10         Mapped to Edge TPU
CONCATENATION                  1          More than one subgraph is not supported
CONCATENATION                  3          Mapped to Edge TPU
"""

FILE_14 = """\
Edge TPU Compiler version 14.1.317412892
Input: thermal_face_automl_edge_fast.tflite
Output: /out/thermal_face_automl_edge_fast_edgetpu.tflite

Operator                       Count      Status

RESHAPE                        12         Tensor has unsupported rank (up to 3 innermost \
dimensions mapped)
RESHAPE                        32         More than one subgraph is not supported
ADD                            19         More than one subgraph is not supported
ADD                            12         Mapped to Edge TPU
MAX_POOL_2D                    9          More than one subgraph is not supported
MAX_POOL_2D                    6          Mapped to Edge TPU
DEPTHWISE_CONV_2D              19         Mapped to Edge TPU
"""
