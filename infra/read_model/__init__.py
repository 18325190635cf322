"""The read model in Valkey: history as rows, folded from the journal by the writers and read by the gateway.

`keys` owns every name, `rows` every encoding. Whoever changes either raises `READ_MODEL_VERSION`, and the writer
builds everything anew.
"""
