/* Use again a bytes object or an ASCII str that nobody holds but the caller. */
#ifndef WSPY_BLOCKS_H
#define WSPY_BLOCKS_H

#include <Python.h>

static inline unsigned char *wspy_body(PyObject *block)
{
    if (PyBytes_Check(block))
        return (unsigned char *)PyBytes_AS_STRING(block);
    return (unsigned char *)((PyASCIIObject *)block + 1);
}

/* Whether nobody can come by it: no reference, and no table that holds it without one. */
static inline int wspy_is_unused(PyObject *block)
{
    if (Py_REFCNT(block) != 1)
        return 0;
    if (PyBytes_CheckExact(block))
        return 1;
#if PY_VERSION_HEX < 0x030C0000
    /* a copy for old interfaces, which would not change with it */
    if (((PyASCIIObject *)block)->wstr != NULL)
        return 0;
#endif
    return !PyUnicode_CHECK_INTERNED(block);
}

/* Give it another length, which its room must allow, and forget its hash. */
static inline void wspy_renew(PyObject *block, Py_ssize_t length)
{
    wspy_body(block)[length] = 0;
    if (PyBytes_Check(block)) {
        Py_SET_SIZE(block, length);
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#endif
        ((PyBytesObject *)block)->ob_shash = -1;
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
    } else {
        ((PyASCIIObject *)block)->length = length;
        ((PyASCIIObject *)block)->hash = -1;
    }
}

#endif
