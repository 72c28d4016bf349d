// What is simulated: the design, with its reset behind a register. Straight from a port of the top,
// the reset would make Verilator evaluate all logic that it reaches whenever any input changes.

module bench (
    input        clk,
    input        reset,
    input  [7:0] i_payload,
    input        i_valid,
    output       i_ready,
    output [7:0] o_payload,
    output       o_valid,
    input        o_ready
`ifdef WATCHED
    ,
    output [`WATCH-1:0] watch
`endif
);
    reg rst = 1'b1;
    always @(posedge clk) rst <= reset;

    // A design may have outputs that only matter on a board.
    /* verilator lint_off PINMISSING */
    simtop board (
        .clk(clk),
        .rst(rst),
        .i__payload(i_payload),
        .i__valid(i_valid),
        .i__ready(i_ready),
        .o__payload(o_payload),
        .o__valid(o_valid),
        .o__ready(o_ready)
    );
`ifdef WATCHED
    assign watch = `WATCHED;
`endif
endmodule
