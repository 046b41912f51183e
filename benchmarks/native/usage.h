/* Processor time of another process. */
#pragma once

/* Seconds that it used so far, in user space and in the kernel; 0 if there is no such process. */
double processor_seconds(int pid);
