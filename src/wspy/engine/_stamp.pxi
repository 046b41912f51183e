# included by each module: what it was built from, see stamp.py

cdef extern from *:
    """
    #ifndef WSPY_STAMP
    #define WSPY_STAMP ""
    #endif
    """
    const char* WSPY_STAMP

stamp = WSPY_STAMP.decode()
